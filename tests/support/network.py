"""A network namespace whose only link leads to this host."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from os import getpid

import pytest

HERE = "10.213.7.1"
_numbers = count()


@dataclass(frozen=True)
class Network:
    """A namespace, as `ip netns` names it; this host is at HERE once there is an address."""

    name: str

    @property
    def command(self) -> list[str]:
        """What runs a command in the namespace."""
        return ["ip", "netns", "exec", self.name]

    def add_address(self, ip: str, *, has_route: bool = True) -> None:
        """Give the namespace one more address."""
        self._ip("address", "add", f"{ip}/{24 if has_route else 32}", "dev", "inside")
        self._ip("link", "set", "inside", "up")

    def add_route(self, source: str) -> None:
        """Give the namespace a route to this host, with an address that it has."""
        self._ip("route", "add", HERE, "dev", "inside", "src", source)

    def remove_address(self, ip: str) -> None:
        """Take an address away, and what uses it."""
        self._ip("address", "delete", f"{ip}/24", "dev", "inside")

    def _ip(self, *arguments: str) -> None:
        _run("ip", "-n", self.name, *arguments)


@contextmanager
def network() -> Iterator[Network]:
    """Make a namespace with nothing but loopback; skip the test where that is forbidden."""
    # The kernel takes a while to remove an earlier one.
    name = outside = f"skl-{getpid() % 100_000}-{next(_numbers)}"
    try:
        _run("ip", "netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("network namespaces need root, and the command `ip`")
    try:
        _run("ip", "-n", name, "link", "set", "lo", "up")
        _run(*f"ip link add {outside} type veth peer name inside netns {name}".split())
        _run(*f"ip address add {HERE}/24 dev {outside}".split())
        _run("ip", "link", "set", outside, "up")
        yield Network(name)
        _run("ip", "link", "delete", outside)
    finally:
        _run("ip", "netns", "delete", name)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
