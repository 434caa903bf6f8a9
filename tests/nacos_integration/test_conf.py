"""Settings that are left out have the defaults of this project's own."""

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from nacos_integration import conf
from nacos_integration.launch import environment, process


def test_the_defaults_are_those_of_the_environment() -> None:
    own = {"metadata", "config_file", "home_page", "variables", "bind_host"}
    for name in conf.DEFAULTS.keys() - own:
        given = settings.NACOS[name]
        assert (tuple(given) if isinstance(given, list) else given) == conf.DEFAULTS[name], name


def test_only_a_few_have_to_be_there() -> None:
    few = ("service_name", "bind_port", "config_handler", "config_file")
    conf.load.cache_clear()
    with override_settings(NACOS={name: settings.NACOS[name] for name in few}):
        loaded = conf.load()
    conf.load.cache_clear()
    assert (loaded.data_id, loaded.service_port) == (loaded.service_name, loaded.bind_port)
    assert loaded.state_dir == settings.BASE_DIR / "var"
    assert loaded.launch_id == process.launch_id
    for name in few:
        less = {key: settings.NACOS[key] for key in few if key != name}
        with (
            override_settings(NACOS=less),
            pytest.raises(ImproperlyConfigured, match=rf'NACOS\["{name}"\] is required'),
        ):
            conf.load()


def test_a_launcher_passes_its_id_and_lifeline_on() -> None:
    passed_on = {"SERVE_LAUNCH_ID": "an id", "SERVE_LIFELINE_FD": "7", "RUN_MAIN": "true"}
    assert environment(passed_on) == {
        "launch_id": "an id",
        "lifeline_fd": 7,
        "reloader_child": True,
    }
    assert environment({}) == {
        "launch_id": process.launch_id,
        "lifeline_fd": None,
        "reloader_child": False,
    }
