"""Which real Nacos servers there are, and where they may listen."""

import contextlib
import os
import random
import shutil
import socket
from pathlib import Path

import pytest

from tools.nacos_server import build_jar, generation_of


def nacos_3_jar() -> Path | None:
    """Return the jar that NACOS_SERVER_JAR names if it holds a Nacos 3 server."""
    named = os.environ.get("NACOS_SERVER_JAR")
    return Path(named) if named and generation_of(Path(named)) == 3 else None


# What each test of Nacos runs on.
SERVERS = ["nacos2", "nacos3"] if nacos_3_jar() else ["nacos2"]


def server_jar(name: str) -> Path:
    """Return the jar of `nacos2`, which is built, or of `nacos3`; skip where there is none."""
    require("java", "install a JDK 17 to run the tests against real Nacos servers")
    if name == "nacos2":
        require("mvn", "install Maven to run the tests against Nacos 2.2.4")
        return build_jar()
    jar = nacos_3_jar()
    if jar is None:
        # In CI too: no Nacos 3 server can be built from Maven Central.
        pytest.skip("set NACOS_SERVER_JAR to a Nacos 3 server jar to run all Nacos tests on it too")
    return jar


def require(command: str, otherwise: str) -> None:
    """Skip, or fail in CI, where there is no such command."""
    if shutil.which(command) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(otherwise)
        pytest.skip(otherwise)


def free_ports() -> tuple[int, int]:
    """Return a main port, around which Nacos needs some more, and one for the console."""
    while True:
        port = random.randrange(20000, 25000)  # those of outgoing connections are above 32768
        needed = (port - 1000, port, port + 1000, port + 1001, port + 7000)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for each in needed:
                stack.enter_context(socket.create_server(("127.0.0.1", each)))
            return port, port + 7000
