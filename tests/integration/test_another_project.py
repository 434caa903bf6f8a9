"""The app in another Django project, as docs/extending.md shows it."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import PASSWORD, USER
from tests.support.service import ROOT, STRANGE, free_port
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer

GREETER = ROOT / "tests" / "support" / "greeter"


class Greeter:
    """The other project as its own processes."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.config_file = folder / "greeting.txt"
        self.config_file.write_text("Hello\n")
        self.log_path = folder / "greeter.log()"
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith((*STRANGE, "PORT"))
        }
        self.environment = inherited | {
            "PORT": str(self.port),
            "STATE_DIR": str(folder / "state"),
            "GREETER_CONFIG_FILE": str(self.config_file),
            "SERVE_DRAIN_SECONDS": "0.5",
            "PYTHONPATH": str(ROOT),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def manage(self, *arguments: str) -> "subprocess.Popen[bytes]":
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=GREETER,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def start(self) -> None:
        assert self.manage("migrate", "-v", "0").wait(60) == 0, self.log_path.read_text()
        self.process = self.manage("serve")

    def greets(self, expected: str) -> bool:
        try:
            url = f"http://127.0.0.1:{self.port}/greet/Ada"
            with urllib.request.urlopen(url, timeout=10) as answer:
                text: str = answer.read().decode()
                return text == expected
        except OSError:
            return False

    def wait_until_it_greets(self, expected: str) -> None:
        # Often enough to meet both workers.
        wait_until(
            lambda: all(self.greets(expected) for _ in range(8)), 60, self.log_path.read_text
        )


@pytest.fixture
def greeter(tmp_path: Path) -> Iterator[Greeter]:
    made = Greeter(tmp_path)
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def test_another_project_follows_a_file(greeter: Greeter) -> None:
    greeter.start()
    greeter.wait_until_it_greets("Hello, Ada!\n")
    greeter.config_file.write_text("Salut\n")
    greeter.wait_until_it_greets("Salut, Ada!\n")
    greeter.config_file.write_text("two words\n")
    wait_until(lambda: "not one word: 'two words'" in greeter.log_path.read_text())
    assert greeter.greets("Salut, Ada!\n")
    assert greeter.process
    greeter.process.send_signal(signal.SIGKILL)
    greeter.process.wait()
    wait_until(lambda: not greeter.greets("Salut, Ada!\n"), 5)


def test_another_project_registers_and_follows_nacos(greeter: Greeter, nacos: NacosServer) -> None:
    greeter.environment |= {
        "NACOS_SERVER_ADDR": f"127.0.0.1:{nacos.port}",
        "NACOS_USERNAME": USER,
        "NACOS_PASSWORD": PASSWORD,
    }
    greeter.start()
    wait_until(lambda: nacos.instances("greeter"), 60, greeter.log_path.read_text)
    nacos.publish_config("greeter", "Moin")
    greeter.wait_until_it_greets("Moin, Ada!\n")
    assert greeter.process
    greeter.process.terminate()
    assert greeter.process.wait(30) == 0
    assert nacos.instances("greeter") == []
