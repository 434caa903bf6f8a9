"""System checks of this app's settings."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from nacos_integration import conf


@register()
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report every wrong setting in `settings.NACOS`."""
    return [
        Error(message, hint=hint, id=id) for id, message, hint in conf.problems(settings.NACOS)
    ]
