"""Starts a throwaway PostgreSQL server on loopback, for the tests and to try things out."""

import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

INSTALLED = Path("/usr/lib/postgresql")


class PostgresServer:
    """One server with a new cluster, both gone after the `with`; `url` is for DATABASE_URL.

    Inside, `stop` takes it away and `start` brings it back, with its data and at its port. Each
    raises RuntimeError with what went wrong.
    """

    def __init__(self, port: int | None = None) -> None:
        self._port = port or _free_port()
        self.password = f"hush-{secrets.token_hex(8)}"
        self.url = f"postgres://kmeans:{self.password}@127.0.0.1:{self._port}/postgres"
        # PostgreSQL refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None

    def __enter__(self) -> Self:
        self._bin = _newest_bin()
        self._home = Path(tempfile.mkdtemp(prefix="skl-kmeans-postgres-"))
        try:
            (self._home / "password").write_text(self.password)
            if self._user:
                shutil.chown(self._home, self._user)
                shutil.chown(self._home / "password", self._user)
            initdb = "--username=kmeans --pwfile=password --auth=scram-sha-256 --encoding=UTF8"
            self._run("initdb", *initdb.split(), "--locale=C", "--no-sync")
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(RuntimeError):  # not running
            self.stop()
        shutil.rmtree(self._home)

    def start(self) -> None:
        """Start the server, and return once it answers."""
        options = f"-p {self._port} -h 127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "start", "--wait", "--log=log", f"--options={options}")

    def stop(self) -> None:
        """Stop the server, cutting off whoever is connected."""
        self._run("pg_ctl", "stop", "--wait", "--mode=fast")

    def _run(self, command: str, *arguments: str) -> None:
        run = subprocess.run(
            [self._bin / command, *arguments, "--pgdata=data"],
            cwd=self._home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
        )
        if run.returncode:
            log = self._home / "log"
            said = run.stdout + (log.read_text() if log.exists() else "")
            raise RuntimeError(f"{command} failed:\n{said[-2000:]}")


def _newest_bin() -> Path:
    found = [path.parent for path in INSTALLED.glob("*/bin/initdb")]
    if not found:
        raise RuntimeError(
            f"no PostgreSQL server in {INSTALLED}: install one (apt-get install postgresql)"
        )
    return max(found, key=lambda path: float(path.parent.name))


def _free_port() -> int:
    # Below those of outgoing connections, one of which could take it while the server is away.
    while True:
        port = random.randrange(10_000, 19_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def main() -> None:
    """Run a server, at the port given or a free one, until it is interrupted."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    port = int(sys.argv[1]) if sys.argv[1:] else None
    try:
        with contextlib.suppress(KeyboardInterrupt), PostgresServer(port) as server:
            print("PostgreSQL is ready; its data will end with it. In another terminal:")
            print(f"DATABASE_URL={server.url} make run", flush=True)
            signal.pause()
    except RuntimeError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
