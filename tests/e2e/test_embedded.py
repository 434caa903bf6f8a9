"""The service without Nacos, with a config file."""

import signal
import socket
import threading
import time

import pytest

from tests.support.reference import REFERENCE_LABELS
from tests.support.service import GUNICORN, PYTHON, SERVE, Service
from tests.support.waiting import wait_until


def test_every_worker_follows_the_file(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    assert service.clusters_in_force() == {3}
    service.config_file.write_text("clusters: 4\n")
    service.wait_until_clusters(4)
    service.config_file.write_text("clusters: none\n")
    wait_until(lambda: service.status["config"]["rejected"], 5)
    assert service.clusters_in_force() == {4}
    assert service.stop() == 0
    assert service.get("/livez") == 0


def test_the_last_good_config_survives_a_restart(service: Service) -> None:
    service.config_file.write_text("clusters: 4\n")
    service.start()
    service.wait_until_it_answers()
    assert service.clusters_in_force() == {4}
    service.stop()
    service.config_file.write_text("clusters: [\n")
    service.start()
    service.wait_until_it_answers()
    assert service.clusters_in_force() == {4}


def test_the_first_answer_follows_the_file(service: Service) -> None:
    """A launch never answers with the config of an earlier launch in the state directory."""
    service.start()
    service.wait_until_it_answers()
    assert service.clusters_in_force() == {3}
    service.stop()
    service.config_file.write_text("clusters: 4\n")
    service.start()
    service.wait_until_it_answers()
    assert service.labels() == REFERENCE_LABELS[4]


def test_serve_refuses_a_database_that_is_not_migrated(service: Service) -> None:
    refused = service.manage("serve")
    assert refused.returncode == 1
    assert f"run `{PYTHON} manage.py migrate` first" in refused.stderr
    assert service.get("/livez") == 0


def test_serve_refuses_to_run_twice(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    refused = service.manage("serve")
    assert refused.returncode == 1
    assert "another process serves" in refused.stderr
    assert service.clusters_in_force() == {3}


def test_serve_exits_with_a_message_if_the_port_is_in_use(service: Service) -> None:
    with socket.socket() as stranger:
        stranger.bind(("0.0.0.0", service.port))
        stranger.listen()
        service.start()
        assert service.process
        assert service.process.wait(30) == 1
    assert "another program uses this port" in service.log()


def test_sigterm_lets_requests_in_flight_finish(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    points = [[float(i * 7919 % 10007), float(i * 104729 % 10009)] for i in range(600_000)]
    answers: list[list[int]] = []
    caller = threading.Thread(target=lambda: answers.append(service.labels(points, 120)))
    caller.start()
    time.sleep(0.6)
    assert caller.is_alive(), "the request has already finished; send more points"
    assert service.stop() == 0
    caller.join()
    assert len(answers[0]) == len(points)


def test_gunicorn_stops_when_serve_is_killed(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    assert service.process
    service.process.send_signal(signal.SIGKILL)
    service.process.wait()
    wait_until(lambda: service.get("/livez") == 0, 2)
    service.start()
    service.wait_until_it_answers()
    assert service.clusters_in_force() == {3}


@pytest.mark.parametrize(
    "command",
    [SERVE, GUNICORN, (*GUNICORN, "--preload"), ("manage.py", "runserver", "--noreload")],
    ids=" ".join,
)
def test_every_launcher_binds_host_and_port_and_follows_the_file(
    service: Service, command: tuple[str, ...]
) -> None:
    service.start(command)
    service.wait_until_it_answers()
    service.config_file.write_text("clusters: 4\n")
    service.wait_until_clusters(4)


def test_the_history_is_written_before_the_exit(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    for _ in range(20):
        service.labels()
    service.stop()
    count = "from clustering.models import RequestRecord as R; print(R.objects.count())"
    assert service.manage("shell", "-v", "0", "-c", count).stdout.strip() == "20"


def test_several_signals_at_once_stop_it(service: Service) -> None:
    """make forwards a signal that its whole process group has already got."""
    service.start()
    service.wait_until_it_answers()
    assert service.process
    for _ in range(500):
        service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(20) == 0
