"""Calls skl-kmeans by its name in Nacos: finds its instances, balances, and fails over.

It uses only the standard library, with Nacos 2 or 3. See `--help`.
"""

import argparse
import http.client
import itertools
import json
import logging
import os
import random
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

NACOS_TIMEOUT_SECONDS = 3.0
REREAD_SECONDS = 3.0
AVOID_SECONDS = 10.0
# Longer than the longest wait in the service (KMEANS_QUEUE_TIMEOUT_SECONDS, 5) plus the fit.
CALL_TIMEOUT_SECONDS = 10.0
# Nacos 3 has only the first of each, Nacos 2 only the second.
LOGIN_PATHS = ("/v3/auth/user/login", "/v1/auth/users/login")
LIST_PATHS = ("/v3/client/ns/instance/list", "/v2/ns/instance/list")
POINTS = [[1.0, 2.0], [2.0, 3.0], [3.5, 4.0], [9.0, 9.0], [10.0, 11.0], [30.0, 1.0]]

logger = logging.getLogger("kmeans_client")
# Ignore proxies from the environment: the instances are in the same network.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class KMeansError(Exception):
    """The service responded with a problem document (RFC 9457)."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(f"{problem['type']}: {problem['detail']}")
        self.problem = problem


class NoInstanceError(Exception):
    """No instance is known, or none of the known ones answered."""


class Instances:
    """The healthy and enabled instances of a service; a thread reads them every 3 s.

    The last known instances stay in use while Nacos is unreachable or lists none, as it does for
    some seconds after its own restart. A call finds out which of them are alive.
    """

    def __init__(
        self,
        server_addr: str,
        *,
        service_name: str = "skl-kmeans",
        group: str = "DEFAULT_GROUP",
        namespace: str = "public",
        context_path: str = "/nacos",
        username: str = "",
        password: str = "",
    ) -> None:
        path = context_path.rstrip("/")
        self._servers = [f"{server}{path}" for server in server_addr.split(",")]
        self._service = urllib.parse.urlencode(
            {"serviceName": service_name, "groupName": group, "namespaceId": namespace}
        )
        self._user = urllib.parse.urlencode({"username": username, "password": password}).encode()
        self._needs_login = bool(username)
        self._token = ""
        self.addresses: list[str] = []
        self._read()
        threading.Thread(target=self._read_for_ever, name="instances", daemon=True).start()

    def _read_for_ever(self) -> None:
        while True:
            time.sleep(REREAD_SECONDS)
            self._read()

    def _read(self) -> None:
        for server in random.sample(self._servers, len(self._servers)):
            try:
                found = self._ask(server)
            except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
                self._token = ""  # it may have expired
                logger.warning("Nacos at %s: %s", server, error)
            else:
                self.addresses = found or self.addresses
                break

    def _ask(self, server: str) -> list[str]:
        if self._needs_login and not self._token:
            self._token = _first_known(server, LOGIN_PATHS, body=self._user)["accessToken"]
        paths = [f"{path}?{self._service}" for path in LIST_PATHS]
        found = _first_known(server, paths, headers={"accessToken": self._token})["data"]
        return [
            f"{instance['ip']}:{instance['port']}"
            for instance in (found["hosts"] if isinstance(found, dict) else found)
            if instance["healthy"] and instance["enabled"]
        ]


class KMeansClient:
    """Sends each call to the next instance; one that failed is the last choice for 10 s.

    It is thread-safe.
    """

    def __init__(self, instances: Instances) -> None:
        self._instances = instances
        self._calls = itertools.count()
        self._failed_at: dict[str, float] = {}

    def cluster(self, points: list[list[float]]) -> list[int]:
        """Return the cluster of each point, from 0.

        Each instance is tried once, because k-means is safe to retry. Raises KMeansError and
        NoInstanceError.
        """
        body = json.dumps({"points": points}).encode()
        for address in self._in_turn():
            request = urllib.request.Request(
                f"http://{address}/api/skl-kmeans", body, {"Content-Type": "application/json"}
            )
            try:
                with _open(request, timeout=CALL_TIMEOUT_SECONDS) as answer:
                    labels: list[int] = json.load(answer)["results"]
                    return labels
            except urllib.error.HTTPError as error:
                if error.code != 503 or "Retry-After" not in error.headers:
                    raise KMeansError(json.load(error)) from error
                logger.warning("%s is overloaded", address)
            except (OSError, http.client.HTTPException) as error:
                logger.warning("%s: %s", address, error)
            self._failed_at[address] = time.monotonic()
        raise NoInstanceError("no instance answered, or Nacos lists none")

    def _in_turn(self) -> list[str]:
        addresses = self._instances.addresses
        turn = next(self._calls) % max(1, len(addresses))
        long_ago = time.monotonic() - AVOID_SECONDS
        return sorted(
            addresses[turn:] + addresses[:turn],
            key=lambda address: self._failed_at.get(address, long_ago) > long_ago,
        )


def _first_known(
    server: str,
    paths: "tuple[str, ...] | list[str]",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Any:
    """Return the JSON at the first of these paths that this version of Nacos knows."""
    for path in paths:
        request = urllib.request.Request(f"http://{server}{path}", body, headers or {})
        try:
            with _open(request, timeout=NACOS_TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
    raise LookupError(f"knows none of {', '.join(paths)}")


def main() -> None:
    """Call some times, and print the labels."""
    parser = argparse.ArgumentParser(
        description="Call skl-kmeans by name. NACOS_SERVER_ADDR, NACOS_CONTEXT_PATH,"
        " NACOS_USERNAME, NACOS_PASSWORD, NACOS_NAMESPACE, NACOS_GROUP and NACOS_SERVICE_NAME say"
        " where to find it."
    )
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--per-second", type=float, default=5)
    options = parser.parse_args()
    logging.basicConfig()
    instances = Instances(
        os.environ.get("NACOS_SERVER_ADDR", "127.0.0.1:8848"),
        service_name=os.environ.get("NACOS_SERVICE_NAME", "skl-kmeans"),
        group=os.environ.get("NACOS_GROUP", "DEFAULT_GROUP"),
        namespace=os.environ.get("NACOS_NAMESPACE", "public"),
        context_path=os.environ.get("NACOS_CONTEXT_PATH", "/nacos"),
        username=os.environ.get("NACOS_USERNAME", ""),
        password=os.environ.get("NACOS_PASSWORD", ""),
    )
    client = KMeansClient(instances)
    for _ in range(options.calls):
        print(client.cluster(POINTS), flush=True)
        time.sleep(1 / options.per_second)


if __name__ == "__main__":
    main()
