"""Wrong settings are named, with what to do."""

from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from nacos_integration import conf, validation
from nacos_integration.checks import check_settings


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
        ({"service_ip": "fd00::5"}, "E004", "(NACOS_SERVICE_IP)"),
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
        ({"cluster_name": "a_b"}, "E008", "(NACOS_CLUSTER_NAME)"),
        ({"namespace": "my space"}, "E008", "(NACOS_NAMESPACE)"),
        ({"metadata": {'"a': 'b"'}}, "E014", "(NACOS_SERVICE_METADATA)"),
        ({"metadata": {"zone": '"a"'}}, "E014", "'zone': '\"a\"'"),
        ({"metadata": {"zone": "'a"}}, "E014", "zone"),
        ({"metadata": {"zone": "a "}}, "E014", "zone"),
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


# As `docker run --env-file` passes on a quoted value, and a file with the line ends of Windows.
AROUND = ('"{}"', "'{}'", "{}\r", " {}", "{} ", "{}\n")


@pytest.mark.parametrize("form", AROUND)
@pytest.mark.parametrize(
    "key",
    [
        "namespace", "group", "data_id", "username", "service_name", "cluster_name",
        "config_namespace", "config_group", "discovery_namespace", "discovery_group",
    ],
)  # fmt: skip
def test_quotes_and_blanks_around_a_name_are_refused(key: str, form: str) -> None:
    wrong = {key: form.format("name"), "password": "p" if key == "username" else ""}
    with override_settings(NACOS=settings.NACOS | wrong):
        (error,) = validation.find_errors(conf.given())
        assert f"(NACOS_{key.upper()}): {wrong[key]!r}" in error.msg
        assert "--env-file" in (error.hint or "")


@pytest.mark.parametrize("value", ["", "a", "O'Brien's zone", '["a", "b"]', "two\nlines"])
def test_other_quotes_and_blanks_in_metadata_are_accepted(value: str) -> None:
    with override_settings(NACOS=settings.NACOS | {"metadata": {"zone": value}}):
        assert not list(validation.find_errors(conf.given()))


@pytest.mark.parametrize("form", AROUND)
def test_quotes_and_blanks_around_a_secret_are_warned_of(form: str) -> None:
    both = {"username": "u", "password": form.format("hush")}
    with override_settings(NACOS=settings.NACOS | both):
        (warning,) = check_settings(None)
        assert warning.msg.endswith("(NACOS_PASSWORD) begins or ends with a quote or blank")


@pytest.mark.parametrize("form", AROUND)
def test_quotes_and_blanks_around_a_server_are_refused_or_removed(form: str) -> None:
    with override_settings(NACOS=settings.NACOS | {"server_addr": [form.format("a:1")]}):
        if errors := list(validation.find_errors(conf.given())):
            assert "(NACOS_SERVER_ADDR)" in errors[0].msg
        else:
            assert conf.load.__wrapped__().server_addr == ("a:1",)


@pytest.mark.parametrize(
    ("name", "is_host"),
    [
        ("skl-kmeans", True), ("a.b2", True), ("KMeans", True), ("skl_kmeans", False),
        ("a--b", True), ("-a", False), ("a-", False), ("a.1", False), ("a:b", False),
    ],
)  # fmt: skip
def test_a_name_that_java_takes_for_no_host_is_warned_of(name: str, is_host: bool) -> None:
    with override_settings(NACOS=settings.NACOS | {"service_name": name}):
        assert not list(validation.find_errors(conf.given()))
        assert [each.id for each in check_settings(None)] == ["nacos_integration.W001"] * (
            not is_host
        )


def test_secrets_stay_out_of_the_repr() -> None:
    secret = {"username": "u", "password": "hush-1", "access_key": "hush-2", "secret_key": "hush-3"}
    secret["proxy"] = "http://user:hush-4@proxy:3128"
    with override_settings(NACOS=settings.NACOS | secret):
        assert "hush" not in repr(conf.load.__wrapped__())


def test_namespaces_and_groups_default_to_the_common_ones() -> None:
    def loaded(**values: Any) -> conf.Conf:
        with override_settings(NACOS=settings.NACOS | values):
            return conf.load.__wrapped__()

    common = loaded(namespace="n", group="g")
    assert (common.config_namespace, common.config_group) == ("n", "g")
    assert (common.discovery_namespace, common.discovery_group) == ("n", "g")
    assert common.namespaces == {"n": 'NACOS["namespace"] (NACOS_NAMESPACE)'}
    apart = loaded(namespace="n", group="g", config_namespace="public", discovery_group="d")
    assert (apart.config_namespace, apart.config_group) == ("", "g")
    assert (apart.discovery_namespace, apart.discovery_group) == ("n", "d")
    assert set(apart.namespaces) == {"public", "n"}
    nacos = loaded(server_addr=["a:1"], group="g", config_group="c", data_id="d")
    assert nacos.config_key == "nacos:a:1/public/c/d"


def test_the_config_key_is_the_same_for_any_order_of_servers() -> None:
    def key(**values: Any) -> str:
        with override_settings(NACOS=settings.NACOS | values):
            return conf.load.__wrapped__().config_key

    one = key(server_addr=["a:1", "b:2"])
    assert one == key(server_addr=["http://b:2/nacos", "a:1"], namespace="public")
    assert one != key(server_addr=["a:1", "b:2"], namespace="other")
    assert one != key(server_addr=["a:1", "b:2"], data_id="other")
