"""Settings that are left out have the defaults of this project's own."""

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from nacos_integration import conf


def test_the_defaults_are_those_of_the_environment() -> None:
    own = {"metadata", "config_file"}
    for name in conf.DEFAULTS.keys() - own:
        given = settings.NACOS[name]
        assert (tuple(given) if isinstance(given, list) else given) == conf.DEFAULTS[name], name


def test_only_a_few_have_to_be_there() -> None:
    few = ("service_name", "bind_port", "config_handler", "config_file", "state_dir", "launch_id")
    conf.load.cache_clear()
    with override_settings(NACOS={name: settings.NACOS[name] for name in few}):
        loaded = conf.load()
    conf.load.cache_clear()
    assert (loaded.data_id, loaded.service_port) == (loaded.service_name, loaded.bind_port)
    for name in few:
        less = {key: settings.NACOS[key] for key in few if key != name}
        with (
            override_settings(NACOS=less),
            pytest.raises(ImproperlyConfigured, match=f"lacks .*{name}"),
        ):
            conf.load()
