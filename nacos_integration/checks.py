"""The system check of this app's settings."""

from typing import Any

from django.core.checks import CheckMessage, register

from nacos_integration import conf, validation


@register("nacos", "serving")
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report every wrong or dubious setting in `settings.NACOS`."""
    given = conf.given()
    return [*validation.find_errors(given), *validation.find_warnings(given)]
