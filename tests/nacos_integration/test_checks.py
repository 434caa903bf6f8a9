"""Wrong settings are named, with what to do."""

from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from nacos_integration import conf, validation


def test_the_defaults_are_right() -> None:
    assert list(validation.find_errors(conf.given())) == []


@pytest.mark.parametrize(
    ("wrong", "id", "named"),
    [
        ({"server_addr": ["a:1", "b:x"]}, "E001", "b:x"),
        ({"tls_enabled": True}, "E002", 'NACOS["tls_ca_file"] (NACOS_TLS_CA_FILE): not set'),
        ({"username": "nacos"}, "E003", 'NACOS["password"] (NACOS_PASSWORD)'),
        ({"secret_key": "s"}, "E003", "NACOS_ACCESS_KEY"),
        ({"service_ip": "localhost"}, "E004", "localhost"),
        ({"preferred_networks": ["10.0.0.0/33"]}, "E004", "10.0.0.0/33"),
        ({"service_port": 0}, "E005", "0"),
        ({"weight": -1.0, "variables": {}}, "E006", 'NACOS["weight"]: -1'),
        ({"beat_interval_seconds": 0.0}, "E007", "(NACOS_BEAT_INTERVAL_SECONDS): 0.0"),
        ({"service_name": "a b"}, "E008", "(NACOS_SERVICE_NAME)"),
        ({"group": "a@@b"}, "E008", "(NACOS_GROUP)"),
        ({"proxy": "socks5://hush:1080"}, "E012", "(NACOS_PROXY): not http://host:port"),
        ({"proxy": "proxy:3128"}, "E012", "(NACOS_PROXY)"),
        ({"proxy": "http://proxy"}, "E012", "(NACOS_PROXY)"),
        ({"proxy": "http://hush@proxy:31280000"}, "E012", "(NACOS_PROXY)"),
        ({"context_path": "/na cos"}, "E013", "(NACOS_CONTEXT_PATH)"),
        ({"context_path": "/nacos?x"}, "E013", "(NACOS_CONTEXT_PATH)"),
        ({"config_handler": "no.such.Handler"}, "E009", "no"),
    ],
)
def test_each_wrong_setting_is_named(wrong: dict[str, Any], id: str, named: str) -> None:
    with override_settings(NACOS=settings.NACOS | wrong):
        found = list(validation.find_errors(conf.given()))
        assert {error.id for error in found} == {f"nacos_integration.{id}"}
        assert named in " ".join(error.msg for error in found)
        assert all(error.hint for error in found)
        assert "hush" not in str(found)
        with pytest.raises(SystemCheckError, match=id):
            call_command("check")
        with pytest.raises(ImproperlyConfigured, match=id):
            conf.load.__wrapped__()


def test_secrets_stay_out_of_the_repr() -> None:
    secret = {"username": "u", "password": "hush-1", "access_key": "hush-2", "secret_key": "hush-3"}
    secret["proxy"] = "http://user:hush-4@proxy:3128"
    with override_settings(NACOS=settings.NACOS | secret):
        assert "hush" not in repr(conf.load.__wrapped__())


def test_the_config_key_is_the_same_for_any_order_of_servers() -> None:
    def key(**values: Any) -> str:
        with override_settings(NACOS=settings.NACOS | values):
            return conf.load.__wrapped__().config_key

    one = key(server_addr=["a:1", "b:2"])
    assert one == key(server_addr=["http://b:2/nacos", "a:1"], namespace="public")
    assert one != key(server_addr=["a:1", "b:2"], namespace="other")
    assert one != key(server_addr=["a:1", "b:2"], data_id="other")
