"""The whole path against real Nacos servers: seen through the servers' own HTTP API."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.integration.conftest import MakeService
from tests.support.reference import REFERENCE_LABELS
from tests.support.service import SERVE, Service
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer


def listed(nacos: NacosServer, service: Service, **where: str) -> list[dict[str, Any]]:
    return nacos.instances(service.environment["NACOS_SERVICE_NAME"], **where)


def wait_until_listed(nacos: NacosServer, service: Service, seconds: float = 20) -> float:
    return wait_until(lambda: listed(nacos, service), seconds, service.log)


def publish(nacos: NacosServer, service: Service, content: str) -> None:
    nacos.publish_config(service.environment["NACOS_DATA_ID"], content)


def wait_until_rejected(service: Service, reason: str) -> None:
    wait_until(lambda: reason in str(service.status["config"]["rejected"]), 20, service.log)


def workers_of(service: Service) -> list[int]:
    """Return the process ids below the launcher, workers last."""
    assert service.process
    found = [service.process.pid]
    for pid in found:
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
        )
        found += [int(child) for child in children.stdout.split()]
    return found


def test_registers_follows_the_config_and_leaves(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos)
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    assert service.clusters_in_force() == {3}

    (instance,) = listed(nacos, service)  # two workers, one registration
    assert instance["port"] == service.port
    assert not instance["ip"].startswith("127.")
    assert (instance["weight"], instance["clusterName"]) == (1.0, "DEFAULT")
    assert instance["healthy"]
    assert instance["enabled"]
    assert instance["ephemeral"]
    assert instance["metadata"]["preserved.register.source"] == "DJANGO"
    assert service.status["registration"]["state"] == "registered"
    for pid in workers_of(service):
        assert b"hush-" not in Path(f"/proc/{pid}/cmdline").read_bytes()

    # What somebody leaves in the SDK's cache, where it would win over the server, has no effect.
    (cache,) = (service.folder / "state" / "agents").glob("*/sdk/cache/config")
    for namespace in ("", "public"):
        key = f"{service.environment['NACOS_DATA_ID']}@@DEFAULT_GROUP@@{namespace}"
        (cache / f"{key}_failover").write_text("clusters: 1")
        (cache / key).write_text("clusters: 2")
    for clusters in (4, 3, 4):
        publish(nacos, service, f"clusters: {clusters}")
        service.wait_until_clusters(clusters)

    assert service.process
    service.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not listed(nacos, service), 10, service.log)
    assert service.process.wait(20) == 0


def test_an_empty_nacos_is_no_rejection(nacos: NacosServer, make_service: MakeService) -> None:
    service = make_service(nacos)
    service.start()
    service.wait_until_it_answers()
    wait_until(lambda: "serving: playground at" in service.log(), 40, service.log)
    data_id = service.environment["NACOS_DATA_ID"]
    missing = f"namespace public has no data id {data_id} in group DEFAULT_GROUP: create it"
    assert f"config: {missing}; the default is in force" in service.log()
    assert f"config: the default, because: {missing}; registered in Nacos as" in service.log()
    assert service.status["config"]["missing"] == missing
    assert not service.status["config"].get("rejected")
    assert service.status["config"]["rejected_count"] == 0
    assert missing in service.manage("nacos", "status").stdout
    publish(nacos, service, "clusters: 4")
    service.wait_until_clusters(4)
    assert service.status["config"]["missing"] is None
    # Deleted later, it is missed.
    nacos.delete_config(data_id)
    wait_until_rejected(service, "there is no config")


def test_a_bad_config_is_kept_out(nacos: NacosServer, make_service: MakeService) -> None:
    service = make_service(nacos)
    publish(nacos, service, "clusters: 4")
    service.start()
    service.wait_until_it_answers()
    # Published before the start: already the first answer follows it.
    assert service.labels() == REFERENCE_LABELS[4]
    data_id = service.environment["NACOS_DATA_ID"]
    for content, reason in [
        ("clusters: true", "not a bool"),
        ("clusters: 0", "from 1 to 1000"),
        ("clusters: [", "not valid YAML"),
        ("just text", "not a mapping"),
        ("clusters: 3\nclusters: 3", "duplicate keys"),
        ("clusters: 4 # " + "x" * 70_000, "too large"),
        (None, "there is no config"),
    ]:
        if content is None:
            nacos.delete_config(data_id)
        else:
            publish(nacos, service, content)
        # The re-read finds what a push may have missed.
        wait_until_rejected(service, reason)
        assert service.clusters_in_force() == {4}
    service.stop()
    service.start()
    service.wait_until_it_answers()
    assert service.clusters_in_force() == {4}
    publish(nacos, service, "clusters: 3\ncolour: red")
    service.wait_until_clusters(3, 20)
    assert "unknown keys ignored: colour" in service.log()


def test_every_setting_of_the_registration(nacos: NacosServer, make_service: MakeService) -> None:
    nacos.create_namespace("blue")
    service = make_service(
        nacos,
        NACOS_NAMESPACE="blue",
        NACOS_GROUP="GREEN_GROUP",
        NACOS_CLUSTER_NAME="east",
        NACOS_SERVICE_IP="192.0.2.77",
        NACOS_SERVICE_PORT="12345",
        NACOS_SERVICE_WEIGHT="2.5",
        NACOS_SERVICE_METADATA="zone=a,owner=data",
    )
    where = {"namespace": "blue", "group": "GREEN_GROUP"}
    nacos.publish_config(service.environment["NACOS_DATA_ID"], "clusters: 4", **where)
    service.start()
    service.wait_until_it_answers()
    wait_until(lambda: listed(nacos, service, **where), 15, service.log)
    (instance,) = listed(nacos, service, **where)
    assert (instance["ip"], instance["port"]) == ("192.0.2.77", 12345)
    assert (instance["weight"], instance["clusterName"]) == (2.5, "east")
    assert instance["metadata"].items() >= {"zone": "a", "owner": "data"}.items()
    assert service.clusters_in_force() == {4}
    assert listed(nacos, service) == []


def test_nacos_3_takes_a_persistent_instance(
    nacos3: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos3, NACOS_SERVICE_EPHEMERAL="false")
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos3, service)
    assert listed(nacos3, service)[0]["ephemeral"] is False
    service.stop()
    wait_until(lambda: not listed(nacos3, service), 5, service.log)


def test_nacos_2_refuses_a_persistent_instance(
    nacos2: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos2, NACOS_SERVICE_EPHEMERAL="false")
    service.start()
    service.wait_until_it_answers()
    refusal = (
        "register: RequestHandler Not Found [500]; this server takes no persistent instances"
        ' over gRPC: unset NACOS["ephemeral"] (NACOS_SERVICE_EPHEMERAL)'
    )
    in_json = json.dumps(refusal)[1:-1]
    wait_until(lambda: f"retrying: {in_json}" in service.log(), 20, service.log)
    status = service.manage("nacos", "status").stdout
    assert "registration  retrying" in status
    assert f"error         {refusal}" in status
    # The service serves on, and follows the config.
    assert service.get("/readyz") == 200
    publish(nacos2, service, "clusters: 4")
    service.wait_until_clusters(4)
    assert service.status["registration"]["state"] == "retrying"
    assert listed(nacos2, service) == []
    assert service.stop() == 0


def test_without_registration_only_the_config_is_followed(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos, NACOS_REGISTER_ENABLED="false")
    service.start()
    service.wait_until_it_answers()
    publish(nacos, service, "clusters: 4")
    service.wait_until_clusters(4, 20)
    assert listed(nacos, service) == []


def test_nacos_away_and_back(nacos: NacosServer, make_service: MakeService) -> None:
    service = make_service(nacos)
    nacos.kill()
    try:
        service.start()
        service.wait_until_it_answers()
        assert service.clusters_in_force() == {3}
        assert "no Nacos server is reachable" in service.log()
    finally:
        nacos.start()
    wait_until_listed(nacos, service)
    publish(nacos, service, "clusters: 4")
    service.wait_until_clusters(4)

    nacos.kill()
    try:
        assert service.clusters_in_force() == {4}
        service.stop()
        service.start()
        service.wait_until_it_answers()
        assert service.clusters_in_force() == {4}, "the last good config, over a restart"
    finally:
        nacos.start()
    wait_until_listed(nacos, service)
    publish(nacos, service, "clusters: 3")
    service.wait_until_clusters(3)

    # An instance that was registered when the server went away.
    nacos.kill()
    nacos.start()
    wait_until_listed(nacos, service)
    publish(nacos, service, "clusters: 4")
    service.wait_until_clusters(4)


def test_a_wrong_password_is_said_and_never_shown(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos, NACOS_PASSWORD="hush-wrong")
    service.start()
    service.wait_until_it_answers()
    wait_until(
        lambda: (
            r"check NACOS[\"username\"] (NACOS_USERNAME) and "
            r"NACOS[\"password\"] (NACOS_PASSWORD)" in service.log()
        ),
        10,
    )
    assert service.clusters_in_force() == {3}
    service.stop()
    assert listed(nacos, service) == []


def test_no_user_on_a_server_that_wants_one(nacos: NacosServer, make_service: MakeService) -> None:
    service = make_service(nacos, NACOS_USERNAME="", NACOS_PASSWORD="")
    service.start()
    wait_until(lambda: "Nacos refuses a client without a user" in service.log(), 20, service.log)


def test_workers_come_and_go_without_touching_the_registration(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos)
    service.start(SERVE)
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    for worker in workers_of(service)[-2:]:
        os.kill(worker, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        assert len(listed(nacos, service)) == 1
        time.sleep(0.1)
    assert service.clusters_in_force() == {3}


def test_killing_serve_takes_the_instance_off(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos)
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    assert service.process
    service.process.kill()
    service.process.wait()
    wait_until(lambda: not listed(nacos, service), 10, service.log)
    wait_until(lambda: service.get("/livez") == 0, 3)
