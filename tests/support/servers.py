"""Which real Nacos servers there are, and where they may listen."""

import contextlib
import os
import random
import shutil
import socket
from pathlib import Path

import pytest

from tools.nacos_server import build_jar, generation_of


def server_jar(name: str) -> Path:
    """Return the jar of `nacos2`, which is built, or `nacos3`; skip where there is none.

    The line says what to install. Where all must be there, as in CI, it is a failure.
    """
    require("java", "install a JDK 17 to run the tests against real Nacos servers")
    if name == "nacos2":
        require("mvn", "install Maven to run the tests against Nacos 2.2.4")
        return build_jar()
    jar = Path(os.environ.get("NACOS_SERVER_JAR", ""))
    if not jar.is_file():
        _missing("set NACOS_SERVER_JAR to a Nacos 3.0.3 server jar to run the tests against it")
    assert generation_of(jar) == 3
    return jar


def require(command: str, otherwise: str) -> None:
    """Skip, or fail in CI, where there is no such command."""
    if shutil.which(command) is None:
        _missing(otherwise)


def _missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def free_ports() -> tuple[int, int]:
    """Return a main port, around which Nacos needs some more, and one for the console."""
    while True:
        port = random.randrange(20000, 25000)  # those of outgoing connections are above 32768
        needed = (port - 1000, port, port + 1000, port + 1001, port + 7000)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for each in needed:
                stack.enter_context(socket.create_server(("127.0.0.1", each)))
            return port, port + 7000
