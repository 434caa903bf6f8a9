"""Behind a forward proxy: neighbours are asked directly, and Nacos through one that is set."""

from tests.integration.conftest import MakeService
from tests.support.forward_proxy import behind, forward_proxy
from tests.support.service import Service
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer

# gRPC's own, which take effect even where `http_proxy` does not.
BY_ADDRESS = {
    "GRPC_ADDRESS_HTTP_PROXY": "127.0.0.1:9",
    "GRPC_ADDRESS_HTTP_PROXY_ENABLED_ADDRESSES": "0.0.0.0/0",
}


def wait_until_registered(service: Service) -> None:
    def is_registered() -> bool:
        return bool(service.status["registration"]["state"] == "registered")

    service.start()
    service.wait_until_it_answers()
    wait_until(is_registered, 20, service.log)


def test_a_proxy_of_the_environment_is_never_asked(
    nacos: NacosServer, make_service: MakeService
) -> None:
    with forward_proxy(opens=False) as proxy:
        service = make_service(nacos, **behind(proxy.address), **BY_ADDRESS)
        nacos.publish_config(service.environment["NACOS_DATA_ID"], "clusters: 4")
        wait_until_registered(service)
        service.wait_until_clusters(4)
        report = service.manage("nacos", "doctor")
        assert report.returncode == 0, report.stdout
        assert "proxy" not in report.stdout
        assert proxy.asked == []


def test_nacos_is_asked_through_the_proxy_that_is_set(
    nacos: NacosServer, make_service: MakeService
) -> None:
    with forward_proxy() as proxy:
        url = f"http://user:hush-hush@{proxy.address}"
        # The hosts that a company excepts from its proxy are often written too widely.
        service = make_service(nacos, NACOS_PROXY=url, no_proxy="127.0.0.0/8,127.0.0.1")
        nacos.publish_config(service.environment["NACOS_DATA_ID"], "clusters: 4")
        wait_until_registered(service)
        service.wait_until_clusters(4)
        report = service.manage("nacos", "doctor")
        assert report.returncode == 0, report.stdout
        assert f"through the proxy http://{proxy.address}" in report.stdout
        assert "hush" not in report.stdout
        assert set(proxy.asked) == {f"127.0.0.1:{nacos.port + offset}" for offset in (0, 1000)}
        assert proxy.users == {"Basic dXNlcjpodXNoLWh1c2g="}


def test_a_proxy_that_refuses_is_named(nacos: NacosServer, make_service: MakeService) -> None:
    with forward_proxy(opens=False) as proxy:
        service = make_service(nacos, NACOS_PROXY=f"http://user:hush-hush@{proxy.address}")
        report = service.manage("nacos", "doctor")
        assert report.returncode == 1
        assert f"through the proxy http://{proxy.address} is unreachable" in report.stdout
        assert "NACOS_PROXY" in report.stdout
        service.start()
        service.wait_until_it_answers()
        said = f"through the proxy http://{proxy.address}: Tunnel connection failed: 403"
        wait_until(lambda: said in service.log(), 20, service.log)
