"""Starts a real Nacos server on loopback, for `make nacos` and the integration tests."""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if not __package__:  # Run as a script, which puts this folder on the path instead of the root.
    sys.path.insert(0, str(ROOT))

from tools import maven  # noqa: E402
from tools.nacos_api import NacosApi, NacosError  # noqa: E402

START_SECONDS = 120
STOP_SECONDS = 15


def build_jar() -> Path:
    """Build the 2.2.4 server with Maven unless its jar is up to date, and return the jar's path."""
    return maven.package(ROOT / "tools" / "nacos-server")


def chosen_jar() -> Path:
    """Return the server jar that NACOS_SERVER_JAR names, else the 2.2.4 that is built."""
    named = os.environ.get("NACOS_SERVER_JAR")
    return Path(named) if named else build_jar()


def version_of(jar: Path) -> str:
    """Return the version of the Nacos server in a jar."""
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            found = re.fullmatch(r"BOOT-INF/lib/nacos-naming-([23]\..*)\.jar", name)
            if found:
                return found[1]
    raise RuntimeError(f"{jar} holds no Nacos 2 or Nacos 3 server")


def generation_of(jar: Path) -> int:
    """Return the major version of the Nacos server in a jar."""
    return int(version_of(jar)[0])


class NacosServer(NacosApi):
    """One standalone Nacos server that keeps everything it writes in its home folder."""

    def __init__(
        self,
        jar: Path,
        home: Path,
        port: int = 8848,
        console_port: int = 8080,
        extra_properties: Mapping[str, str] | None = None,
        *,
        context_path: str = "/nacos",
    ) -> None:
        properties = dict(extra_properties or {})
        self._auth = properties.get("nacos.core.auth.enabled", "true")
        super().__init__(port, generation_of(jar), self._auth == "true", context_path)
        self.version = version_of(jar)
        self.jar = jar.resolve()
        self.home = home.resolve()
        self.port = port
        self.log_path = self.home / "nacos.out"
        # Nacos derives the ports for gRPC and Raft from the main one.
        self.ports = [port, port + 1000, port + 1001, port - 1000]
        if self.generation == 3:
            self.ports.append(console_port)
        self._console_port = console_port
        self._extra_properties = properties
        self._context_path = context_path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise RuntimeError("the Nacos server is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the server and return once it serves both HTTP and gRPC."""
        if self._process is not None:
            raise RuntimeError("the Nacos server is already running")
        maven.require("java")
        for port in self.ports:
            if _is_taken(port):
                raise RuntimeError(f"port {port}, which the Nacos server needs, is already taken")
        data = self.home / "data"
        is_first = not data.exists()
        try:
            self._launch()
        except RuntimeError:
            # Once more: on a busy machine Derby, its database, takes longer than it waits for that.
            # Nacos cannot use a database that is only half made.
            if is_first:
                shutil.rmtree(data, ignore_errors=True)
            self._launch()

    def _launch(self) -> None:
        command = self._prepare_home()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Its own session keeps a terminal's Ctrl-C for us, so that we stop it in order.
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
            if self.generation == 3 and self.auth:
                self.set_admin_password()
        except BaseException:
            self.kill()
            raise

    def wait(self) -> int:
        """Wait until the server ends by itself and return its exit status."""
        if self._process is None:
            raise RuntimeError("the Nacos server is not running")
        return self._process.wait()

    def stop(self) -> None:
        """Shut the server down in order, or kill it when that takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)  # A frozen process would not see the SIGTERM.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the server as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Make the server hang with its connections open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _prepare_home(self) -> list[str]:
        """Write the server's configuration and return the command that starts it."""
        conf, tmp = self.home / "conf", self.home / "tmp"
        conf.mkdir(parents=True, exist_ok=True)
        # A killed server leaves its unpacked native libraries behind, tens of megabytes a time.
        shutil.rmtree(tmp, ignore_errors=True)
        tmp.mkdir()
        lines = [f"{key}={value}\n" for key, value in self._properties().items()]
        (conf / "application.properties").write_text("".join(lines), encoding="utf-8")
        if self.generation == 2:
            (conf / "derby-schema.sql").write_bytes(self._derby_schema())
        return [
            "java",
            "-Xms128m",
            "-Xmx384m",
            # Starts sooner and takes less memory, which counts for more here than peak speed.
            "-XX:TieredStopAtLevel=1",
            # The JVM would keep these two files in /tmp and in the working folder.
            "-XX:-UsePerfData",
            f"-XX:ErrorFile={self.home / 'hs_err.log'}",
            # Nacos 2 reflects on these.
            "--add-opens=java.base/java.lang=ALL-UNNAMED",
            f"-Djava.io.tmpdir={tmp}",
            f"-Duser.home={self.home}",
            f"-Dnacos.home={self.home}",
            "-Dnacos.standalone=true",
            "-jar",
            str(self.jar),
            f"--spring.config.additional-location=file:{conf}/",
        ]

    def _properties(self) -> dict[str, str]:
        key = self.home / "conf" / "token.key"
        if not key.exists():
            key.write_text(base64.b64encode(secrets.token_bytes(48)).decode(), encoding="ascii")
        properties = {
            "server.address": "127.0.0.1",
            # Raft stores this address in home; one found by Nacos may differ at the next start.
            "nacos.inetutils.ip-address": "127.0.0.1",
            "nacos.core.auth.enabled": self._auth,
            "nacos.core.auth.system.type": "nacos",
            # So that a new user, password or permission counts at once, not some seconds later.
            "nacos.core.auth.caching.enabled": "false",
            "nacos.core.auth.server.identity.key": secrets.token_hex(8),
            "nacos.core.auth.server.identity.value": secrets.token_hex(16),
            # Kept in home, so that a client's token outlives a restart as it does in production.
            "nacos.core.auth.plugin.nacos.token.secret.key": key.read_text(encoding="ascii"),
            "nacos.core.auth.plugin.nacos.token.expire.seconds": "18000",
        }
        if self.generation == 3:
            properties |= {
                "nacos.server.main.port": str(self.port),
                "nacos.server.contextPath": self._context_path,
                "nacos.console.port": str(self._console_port),
                "nacos.console.contextPath": "",
                "nacos.console.remote.server.context-path": self._context_path,
                "nacos.deployment.type": "merged",
                "nacos.core.auth.admin.enabled": self._auth,
                "nacos.core.auth.console.enabled": self._auth,
            }
        else:
            properties |= {
                "server.port": str(self.port),
                "server.servlet.contextPath": self._context_path,
            }
        return properties | self._extra_properties

    def _derby_schema(self) -> bytes:
        with zipfile.ZipFile(self.jar) as archive:
            for name in archive.namelist():
                if re.fullmatch(r"BOOT-INF/lib/nacos-config-\d.*\.jar", name):
                    with zipfile.ZipFile(io.BytesIO(archive.read(name))) as config:
                        return config.read("META-INF/derby-schema.sql")
        raise RuntimeError(f"{self.jar} holds no nacos-config jar")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            status = self._process.poll() if self._process else None
            if status is not None:
                raise RuntimeError(f"the Nacos server ended with status {status}:\n{self._tail()}")
            try:
                ready = self.is_ready()
            except (OSError, NacosError):
                ready = False
            # The console starts after the server is ready.
            if ready and all(_accepts(port) for port in [self.port + 1000, self.ports[-1]]):
                return
            time.sleep(0.2)
        raise RuntimeError(
            f"the Nacos server was not ready after {START_SECONDS} s:\n{self._tail()}"
        )

    def _tail(self) -> str:
        log = self.log_path.read_text(encoding="utf-8", errors="replace")
        # Without the frames of stack traces the errors themselves fit.
        return maven.last_lines(re.sub(r"^\s+(at |\.\.\. ).*\n", "", log, flags=re.MULTILINE))


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # As the server does itself, so that connections of a former one do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return True
    return False


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def main() -> None:
    """Run a server until it is interrupted."""
    parser = argparse.ArgumentParser(description="Run a real Nacos server on loopback.")
    parser.add_argument("--port", type=int, default=8848)
    parser.add_argument("--console-port", type=int, default=8080, help="Nacos 3 only")
    parser.add_argument("--home", type=Path, help="where the data is kept, default var/nacos")
    options = parser.parse_args()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    # SIGINT too: a shell that starts us in the background has it ignored.
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    server = None
    try:
        jar = chosen_jar()
        # Apart for each generation, because one cannot read the other's database.
        home = options.home or ROOT / "var" / "nacos" / f"v{generation_of(jar)}"
        server = NacosServer(jar, home, options.port, options.console_port)
        print(f"Starting Nacos {server.version} in {server.home} ...", flush=True)
        server.start()
        print(f"Nacos is ready at {server.url}, user nacos, password nacos.")
        if server.generation == 3:
            print(f"Its console is at http://127.0.0.1:{options.console_port}.")
        print("In another terminal, run the application against it:")
        print(
            f"NACOS_SERVER_ADDR=127.0.0.1:{server.port}"
            " NACOS_USERNAME=nacos NACOS_PASSWORD=nacos make run",
            flush=True,
        )
        status = server.wait()
        sys.exit(f"the Nacos server ended by itself with status {status}: see {server.log_path}")
    except (RuntimeError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\nStopping ...", flush=True)
    finally:
        # A second Ctrl-C must not leave the server behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if server is not None:
            server.stop()


if __name__ == "__main__":
    main()
