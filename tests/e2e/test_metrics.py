"""Metrics are those of the instance, whichever worker is asked and whoever has the agent."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.service import GUNICORN, PYTHON, ROOT, Service
from tests.support.waiting import wait_until
from tests.support.workers import metrics_folder, processes

ANSWERED = 'skl_kmeans_requests_total{model="skl-kmeans",outcome="ok",status="200"}'


def scrape(service: Service) -> dict[str, float]:
    """Return the samples, after a check that each family is described."""
    text = service.read("/metrics")
    samples = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            samples[name] = float(value)
            family = re.sub(r"_(bucket|sum|count)$", "", name.split("{")[0])
            assert f"# HELP {family} " in text, name
    return samples


def test_all_workers_count_together(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    for _ in range(30):
        service.labels()
    # Asked often enough to meet both workers.
    for _ in range(10):
        samples = scrape(service)
        assert samples[ANSWERED] == 30
        assert samples["skl_kmeans_fit_duration_seconds_count"] == 30
        assert samples['skl_kmeans_fits_total{path="certified"}'] == 30
        assert samples["skl_kmeans_points_sum"] == 270
        assert samples['skl_kmeans_waiting_requests{model="skl-kmeans"}'] == 0
    written = 'skl_kmeans_history_rows_total{fate="written"}'
    wait_until(lambda: scrape(service)[written] == 30)


def test_a_worker_that_dies_takes_no_counts_with_it(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    for _ in range(20):
        service.labels()
    assert service.process
    (gunicorn,) = psutil.Process(service.process.pid).children()
    victim = gunicorn.children()[0]
    os.kill(victim.pid, signal.SIGKILL)
    wait_until(lambda: len(gunicorn.children()) == 2 and victim not in gunicorn.children())
    assert scrape(service)[ANSWERED] == 20


def test_workers_count_on_in_the_files_of_those_that_ended(service: Service) -> None:
    service.start((*GUNICORN, "--max-requests", "5"))
    service.wait_until_it_answers()
    wait_until(lambda: len(processes(service)) == 2)
    folder = metrics_folder(service)
    seen = {worker.pid for worker in processes(service)}
    deadline = time.monotonic() + 120
    answered = 0
    while len(seen) < 6 and time.monotonic() < deadline:
        service.labels()
        answered += 1
        with contextlib.suppress(psutil.NoSuchProcess):
            seen |= {worker.pid for worker in processes(service)}
    assert len(seen) >= 6, service.log()
    # Counters, gauges and histograms of two workers.
    assert len(list(folder.iterdir())) <= 6
    samples = scrape(service)
    assert samples[ANSWERED] == answered
    assert samples["skl_kmeans_points_sum"] == 9 * answered
    assert samples['skl_kmeans_request_duration_seconds_bucket{le="+Inf",model="skl-kmeans"}'] == (
        answered
    )


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("run as root to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    ballast = folder / "ballast"
    size = 65536
    with ballast.open("wb", buffering=0) as file:
        while size:
            try:
                file.write(b"x" * size)
            except OSError:
                size //= 2
    return ballast


def test_a_full_metrics_folder_costs_no_answer_and_no_worker(service: Service) -> None:
    with small_disk(service.folder / "metrics") as folder:
        service.environment["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        ballast = fill(folder)
        try:
            service.start(GUNICORN)
            service.wait_until_it_answers()
            for _ in range(20):
                service.labels()
            assert service.get("/metrics") == 200
            assert "/metrics misses what this worker counts" in service.log()
            assert "Traceback" not in service.log()
            # Workers that start with space count again, and on when there is none left.
            ballast.unlink()
            before = processes(service)
            for worker in before:
                worker.kill()
            psutil.wait_procs(before, 10)
            wait_until(lambda: len(processes(service)) == 2)
            wait_until(lambda: len(service.workers) == 2, 30)
            ballast = fill(folder)
            for _ in range(20):
                service.labels()
            victim = processes(service)[0]
            victim.kill()
            psutil.wait_procs([victim], 10)
            wait_until(lambda: len(service.workers) == 2, 30)
            for _ in range(20):
                service.labels()
            assert scrape(service)[ANSWERED] == 40
            assert service.log().count("was sent SIG") == 3
        finally:
            service.close()
    assert "SIGBUS" not in service.log()


def test_the_agents_figures_go_on_when_another_process_has_it(service: Service) -> None:
    service.start(GUNICORN)
    service.wait_until_it_answers()
    service.config_file.write_text("clusters: 4\n")
    service.wait_until_clusters(4)
    service.config_file.write_text("clusters: none\n")
    applied, rejected = (
        f'nacos_config_changes_total{{outcome="{outcome}"}}' for outcome in ("applied", "rejected")
    )
    wait_until(lambda: scrape(service)[rejected] == 1)
    before = scrape(service)
    assert before[applied] == 2
    assert before["nacos_config_age_seconds"] < 60
    first = service.status["pid"]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: service.status.get("pid") not in (first, None))
    service.config_file.write_text("clusters: 3\n")
    service.wait_until_clusters(3)
    wait_until(lambda: scrape(service)[applied] == 3)
    assert scrape(service)[rejected] >= 1


def test_no_metrics_stay_behind(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    folder = metrics_folder(service)
    assert folder.is_dir()
    service.stop()
    assert not folder.exists()


def test_a_killed_master_leaves_no_metrics_behind(service: Service) -> None:
    service.start(GUNICORN)
    service.wait_until_it_answers()
    wait_until(lambda: len(service.workers) == 2, 30)
    folder = metrics_folder(service)
    assert service.process
    service.process.kill()
    service.process.wait()
    wait_until(lambda: not folder.exists(), 20)


@pytest.mark.parametrize("hangup", [False, True], ids=["at once", "after SIGHUP"])
def test_a_gunicorn_that_replaces_another_counts_on(service: Service, hangup: bool) -> None:
    """It belongs to the same launch: the agent takes its answers for the instance's own."""
    # Not as a module: after SIGUSR2, gunicorn would import its own `http` for Python's.
    service.start((str(PYTHON.with_name("gunicorn")), "kmeans_project.wsgi"))
    service.wait_until_it_answers()
    folder = metrics_folder(service)
    before = {worker.pid for worker in processes(service)}
    assert service.process
    if hangup:
        service.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: not before & {worker["pid"] for worker in service.workers}, 60, service.log
        )
    for _ in range(20):
        service.labels()
    launch_id = service.status["launch_id"]
    service.process.send_signal(signal.SIGUSR2)
    replaced = psutil.Process(service.process.pid)
    wait_until(lambda: with_children(replaced), 60, service.log)
    (successor,) = with_children(replaced)
    try:
        wait_until(lambda: len(service.workers) == 4, 60, service.log)
        # Of old and new workers.
        assert {json.loads(service.read("/readyz"))["launch_id"] for _ in range(20)} == {launch_id}
        service.stop()
        assert folder.is_dir()
        assert scrape(service)[ANSWERED] == 20
        wait_until(lambda: service.status.get("launch_id") == launch_id, 20, service.log)
    finally:
        successor.terminate()
        successor.wait(60)
    assert not folder.exists()


def with_children(process: psutil.Process) -> list[psutil.Process]:
    """Return the children that have children; others come and go meanwhile."""
    found = []
    for child in process.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.children():
                found.append(child)
    return found


def test_the_dashboard_shows_every_metric_and_no_other(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    service.labels()
    families = {
        re.sub(r"_(bucket|sum|count)$", "", name.split("{")[0]) for name in scrape(service)
    } | {"nacos_verified_age_seconds"}  # has no value without a Nacos
    dashboard = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())
    text = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    shown = {
        re.sub(r"_bucket$", "", name)
        for name in re.findall(r"\b(?:skl_kmeans|nacos|database)_\w+", text)
    }
    assert shown == families
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
