"""The overview of instances that are registered in, and configured from, real Nacos servers."""

import html

from tests.integration.conftest import MakeService
from tests.integration.test_nacos import listed, publish, wait_until_listed
from tests.support.admin import Admin
from tests.support.http_front import http_front
from tests.support.service import Service
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer

AGREE = "All workers of all instances run the same config"


def is_half_way(instances: str) -> bool:
    counts = (instances.count("clusters=3"), instances.count("clusters=4"))
    return counts == (2, 2) and "The workers differ" in instances


def runs_everywhere(clusters: int, instances: str) -> bool:
    return instances.count(f"clusters={clusters}") == 4 and AGREE in instances


def wait_until_verified(service: Service) -> None:
    service.wait_until_it_answers()
    wait_until(lambda: service.status["registration"].get("verified_at"), 20, service.log)


def started(service: Service) -> Service:
    service.start()
    wait_until_verified(service)
    return service


def test_all_instances_are_seen_to_take_a_change_on(
    nacos: NacosServer, make_service: MakeService
) -> None:
    before = "# why\nclusters: 3\ncolour: red\n"
    after = before.replace("3", "4")
    one = make_service(nacos)
    # Of the same service, but with a config of its own, so that it does not follow.
    data_id = one.environment["NACOS_DATA_ID"] + "-other"
    two = make_service(nacos, NACOS_DATA_ID=data_id)
    for service in (one, two):
        publish(nacos, service, before)
        service.start()
    for service in (one, two):
        wait_until_verified(service)
    admin = Admin(one)
    wait_until(lambda: runs_everywhere(3, admin.panel("instances")), 30, one.log)

    assert "Published" in admin.post("overview/clusters/", **admin.preview(4))
    # Either worker may answer, and each asks anew only after a moment.
    wait_until(lambda: is_half_way(admin.panel("instances")), 30, one.log)
    assert nacos.get_config(one.environment["NACOS_DATA_ID"]) == after
    assert "<strong>ada</strong>" in admin.panel("changes")

    publish(nacos, two, after)
    wait_until(lambda: runs_everywhere(4, admin.panel("instances")), 30, one.log)
    assert two.clusters_in_force() == {4}

    # What is gone is not listed any more.
    two.stop()
    wait_until(lambda: admin.panel("instances").count("clusters=4") == 2, 30, one.log)


def test_what_somebody_publishes_after_the_preview_stays(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos)
    publish(nacos, service, "clusters: 3\n")
    admin = Admin(started(service))
    seen = admin.preview(4)
    publish(nacos, service, "clusters: 9\n")
    wait_until(lambda: "clusters=9" in admin.panel("config"), 20, service.log)
    assert "Somebody else has changed the config" in admin.post("overview/clusters/", **seen)
    assert nacos.get_config(service.environment["NACOS_DATA_ID"]) == "clusters: 9\n"


def test_what_else_belongs_to_the_config_stays(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos)
    data_id = service.environment["NACOS_DATA_ID"]
    details = {"type": "text", "desc": "Gruppen, 分组", "appName": "shop", "configTags": "k-means"}
    nacos.publish_config(data_id, "clusters: 3\n", **details)
    admin = Admin(started(service))
    page = admin.post("overview/clusters/", clusters="4")
    assert "description and application are removed" not in page
    assert "Published" in admin.post("overview/clusters/", **admin.preview(4))
    assert nacos.get_config(data_id) == "clusters: 4\n"
    assert nacos.config_details(data_id) == details


def test_what_cannot_stay_is_in_the_preview(nacos: NacosServer, make_service: MakeService) -> None:
    hidden = dict.fromkeys(("/nacos/v1/cs/configs", "/nacos/v3/admin/cs/config"), (403, b""))
    with http_front(nacos.port, hidden) as address:
        service = make_service(nacos, NACOS_SERVER_ADDR=address)
        publish(nacos, service, "clusters: 3\n")
        admin = Admin(started(service))
        page = admin.post("overview/clusters/", clusters="4")
        assert "description and application are removed" in page
        assert "Published" in admin.post("overview/clusters/", **admin.preview(4))
        service.stop()


def test_a_config_that_nobody_made_yet_is_made(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos)
    admin = Admin(started(service))
    assert "Published" in admin.post("overview/clusters/", **admin.preview(5))
    wait_until(lambda: admin.panel("instances").count("clusters=5") == 2, 20, service.log)
    assert nacos.get_config(service.environment["NACOS_DATA_ID"]) == "clusters: 5\n"


def test_without_the_right_to_write_it_says_what_to_do(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(
        nacos,
        NACOS_USERNAME="reader",
        NACOS_PASSWORD="hush-reader",
        NACOS_REGISTER_ENABLED="false",
    )
    nacos.create_user("reader", "hush-reader")
    for namespace in ("public", ""):
        nacos.grant("reader", f"ROLE_READER_{namespace.upper()}", f"{namespace}:*:*", "r")
    publish(nacos, service, "clusters: 3\n")
    service.start()
    service.wait_until_it_answers()
    admin = Admin(service)
    page = admin.post("overview/clusters/", **admin.preview(4))
    assert "The service may not write there" in page
    assert 'check NACOS["username"] (NACOS_USERNAME)' in html.unescape(page)
    assert nacos.get_config(service.environment["NACOS_DATA_ID"]) == "clusters: 3\n"
    assert "not published" in admin.panel("changes")
    assert "does not register" in admin.panel("registry")


def test_the_registry_is_shown_and_an_instance_taken_out_of_it(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = started(make_service(nacos))
    wait_until_listed(nacos, service)
    admin = Admin(service)
    (instance,) = listed(nacos, service)
    where = (service.environment["NACOS_SERVICE_NAME"], instance["ip"], service.port)
    nacos.update_instance(*where, weight=2.0, metadata=instance["metadata"] | {"colour": "<red>"})
    for shown in ("weight: 2.0 instead of 1.0", "colour=&lt;red&gt;"):
        wait_until(lambda: shown in admin.panel("registry"), 30, service.log)  # noqa: B023

    assert "leaves the registry" in admin.get("overview/registry/")
    admin.post("overview/registry/", wish="out")
    wait_until(lambda: not listed(nacos, service), 30, service.log)
    wait_until(lambda: "taken offline by an operator" in admin.panel("registry"), 30, service.log)
    assert service.labels()
    assert "registers again" in admin.get("overview/registry/")
    admin.post("overview/registry/", wish="in")
    wait_until_listed(nacos, service)
    wait_until(lambda: "taken out by" not in admin.panel("registry"), 30, service.log)
    changes = admin.panel("changes")
    assert changes.count("<strong>ada</strong>") == 2
    assert "taking out of the registry" in changes


def test_while_nacos_is_away_the_page_says_so(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = started(make_service(nacos))
    admin = Admin(service)
    nacos.freeze()
    try:
        wait_until(lambda: "This is the last known list" in admin.panel("registry"), 30)
        assert service.status["instance"] in admin.panel("registry")
        assert "The source of the config is unreachable" in admin.get("overview/clusters/")
    finally:
        nacos.thaw()
