"""An hour's worth of heartbeats and a thousand config changes, run fast."""

import time

import psutil

from tests.integration.conftest import MakeService
from tests.integration.test_nacos import listed, publish, wait_until_listed
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer

BEATS_OF_AN_HOUR = 120
CHANGES = 1000
WARM_UP = 200
# Those of a pool come and go; one lost with each beat or change would be a hundred and more.
THREADS_MARGIN = 4
GROWTH_MAX_BYTES = 16 * 1024 * 1024


def test_memory_and_threads_stay_flat(nacos: NacosServer, make_service: MakeService) -> None:
    service = make_service(
        nacos,
        WORKERS="1",
        NACOS_BEAT_INTERVAL_SECONDS="0.2",
        NACOS_VERIFY_INTERVAL_SECONDS="0.1",
    )
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    agent = psutil.Process(service.status["pid"])
    before = (0, 0)
    for number in range(CHANGES):
        publish(nacos, service, f"clusters: {number % 900 + 1}")
        if number == WARM_UP:
            before = (agent.memory_info().rss, agent.num_threads())
    last = (CHANGES - 1) % 900 + 1
    wait_until(lambda: f"applied Parameters(clusters={last})" in service.log(), 20, service.log)
    wait_until(lambda: service.status["registration"]["registrations"] >= BEATS_OF_AN_HOUR, 60)
    time.sleep(1)
    grown = agent.memory_info().rss - before[0]
    assert agent.num_threads() <= before[1] + THREADS_MARGIN
    assert grown < GROWTH_MAX_BYTES
    assert len(listed(nacos, service)) == 1
