"""Other users of the machine, and files that are damaged or left behind."""

import json
import os
import shutil
import signal
import time
from pathlib import Path
from stat import S_IRWXG, S_IRWXO

from tests.support.attack import API, NINE_POINTS, Scene
from tests.support.raw_clients import connected, head, status_of
from tests.support.service import GUNICORN
from tests.support.waiting import wait_until
from tests.support.workers import metrics_folder, modes, processes

REPAIR_SECONDS = 1.5
DAMAGES = 20


def open_modes(scene: Scene) -> None:
    """Another local user looks for files of the service that are readable."""
    scene.start()
    state = scene.folder / "state"
    with scene.watched():
        scene.ask(API, NINE_POINTS)
        found = modes(state) | {"metrics": metrics_folder(scene.service).stat().st_mode}
    scene.outcome.answers["files"] = len(found)
    is_open = {name for name, mode in found.items() if mode & (S_IRWXG | S_IRWXO)}
    scene.check(not is_open, f"open to others: {is_open}")


def damaged_config(scene: Scene) -> None:
    """The applied file is emptied, cut and removed."""
    service = scene.start()
    service.config_file.write_text("clusters: 4\n")
    service.wait_until_clusters(4)
    (path,) = (scene.folder / "state" / "applied").iterdir()
    good = path.read_text()

    def is_good() -> bool:
        return path.exists() and path.read_text() == good

    with scene.watched():
        for damage in (
            lambda: path.write_text("{}"),
            lambda: path.write_text(good[:40]),
            path.unlink,
            lambda: shutil.rmtree(path.parent),
        ):
            damage()
            check = json.loads(service.read("/readyz"))["checks"]["config"]
            scene.check(is_good() or not check["ok"], "/readyz did not report the damage")
            scene.check(service.clusters_in_force() == {4}, "k was not kept")
            seconds = wait_until(is_good)
            scene.outcome.answers["repaired"] += 1
            if seconds > REPAIR_SECONDS:
                scene.outcome.late.append(f"repaired after {seconds:.1f} s")
            wait_until(lambda: json.loads(service.read("/readyz"))["checks"]["config"]["ok"])


def odds_and_ends(scene: Scene) -> None:
    """A damaged status, a request without a host, bodies that are too large, a killed master."""
    service = scene.start()
    (status,) = (scene.folder / "state" / "agents").glob("*/status.json")
    with scene.watched():
        for number in range(DAMAGES):
            status.write_text(("", "{", "[]", '{"registration": 1e300}')[number % 4])
            scene.outcome.answers[scene.ask("/metrics")] += 1
            time.sleep(0.1)
        with connected(service.port) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
            scene.check(status_of(connection) == "400", "HTTP/1.1 without Host is served")
        for path, setting in (
            (API, b"KMEANS_MAX_BODY_BYTES"),
            ("/admin/login/", b"DATA_UPLOAD_MAX_MEMORY_SIZE"),
        ):
            with connected(service.port) as connection:
                connection.sendall(head("POST", path, Content_Length=10**9))
                answer = connection.recv(65536) + connection.recv(65536)
            scene.check(b" 413 " in answer and setting in answer, f"413 without {setting!r}")
    scene.check(scene.outcome.answers.keys() == {"200"}, "/metrics failed")
    if not scene.is_short:  # tests/e2e/test_state_directory.py has it too
        _kill_master(scene)


def _kill_master(scene: Scene) -> None:
    """Check that the next start removes the metrics of a master that was killed."""
    service = scene.service
    service.stop()
    service.start(GUNICORN)
    service.wait_until_it_answers()
    folder: Path = metrics_folder(service)
    assert service.process
    # The master first, which would replace the workers.
    for pid in (service.process.pid, *(worker.pid for worker in processes(service))):
        os.kill(pid, signal.SIGKILL)
    service.process.wait()
    scene.check(folder.exists(), "the folder was in another place")
    service.start(GUNICORN)
    service.wait_until_it_answers()
    scene.check(not folder.exists(), "the metrics of a killed master stay behind")
