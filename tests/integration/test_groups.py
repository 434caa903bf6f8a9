"""Config and registration in namespaces and groups of their own."""

from tests.integration.conftest import PASSWORD, USER, MakeService
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer


def test_config_and_registration_may_be_apart(
    nacos: NacosServer, make_service: MakeService
) -> None:
    nacos.create_namespace("blue")
    service = make_service(
        nacos,
        NACOS_NAMESPACE="blue",
        NACOS_CONFIG_GROUP="CONFIGS",
        NACOS_DISCOVERY_NAMESPACE="public",
        NACOS_DISCOVERY_GROUP="SERVICES",
    )
    data_id, name = (service.environment[f"NACOS_{key}"] for key in ("DATA_ID", "SERVICE_NAME"))
    nacos.publish_config(data_id, "clusters: 9\n", group="SERVICES")
    service.start()
    service.wait_until_it_answers()
    missing = f"namespace blue has no data id {data_id} in group CONFIGS: create it"
    wait_until(lambda: service.status["config"].get("missing") == missing, 20, service.log)
    nacos.publish_config(data_id, "clusters: 4\n", group="CONFIGS", namespace="blue")
    wait_until(lambda: nacos.instances(name, group="SERVICES"), 20, service.log)
    for group, namespace in (("DEFAULT_GROUP", "public"), ("CONFIGS", "blue")):
        assert not nacos.instances(name, group=group, namespace=namespace)
    service.wait_until_clusters(4)
    nacos.publish_config(data_id, "clusters: 3\n", group="CONFIGS", namespace="blue")
    service.wait_until_clusters(3)

    report = service.manage("nacos", "doctor").stdout
    assert "the config CONFIGS/" in report
    assert f"in service {name}, group SERVICES, namespace public" in report
    (row,) = nacos.instances(name, group="SERVICES")
    service.stop()
    wait_until(lambda: not nacos.instances(name, group="SERVICES"), 20)
    assert (row["healthy"], USER in report, PASSWORD in report) == (True, True, False)
