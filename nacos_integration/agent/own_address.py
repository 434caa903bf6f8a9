"""The address of this instance, which may change while it runs."""

import logging

from nacos_integration import address
from nacos_integration.conf import Conf

logger = logging.getLogger(__name__)


class OwnAddress:
    """The ip to register; `ip` is empty while this host has none that others can use.

    `follow` and `ip` are used by one thread.
    """

    def __init__(self, conf: Conf) -> None:
        self._conf = conf
        self._host_has: list[str] = []
        self._is_certain = False
        self.ip = ""
        if conf.uses_nacos:
            self.follow()

    @property
    def instance(self) -> str:
        """What identifies this instance: `ip:port`."""
        return address.with_port(self.ip or self._conf.bind_host, self._conf.service_port)

    def follow(self) -> bool:
        """Find the address again if it may be another one by now; return whether it is new."""
        host_has = address.own_addresses()
        if self.ip and self._is_certain and host_has == self._host_has:
            return False
        self._host_has = host_has
        conf, before = self._conf, self.ip
        self.ip, is_certain = address.service_ip(
            conf.service_ip, conf.server_addr, conf.preferred_networks, before
        )
        # Names that only the proxy can resolve would be looked up again and again.
        self._is_certain = is_certain or bool(conf.proxy)
        if before and self.ip != before:
            logger.warning(
                "registry: the ip of this host is now %s, not %s", self.ip or "none", before
            )
        return self.ip != before

    def problem(self) -> str:
        """Return why there is no address, and what to do."""
        names = self._conf.names
        if self._conf.service_ip:
            return (
                f"{names['service_ip']} is {self._conf.service_ip}, which callers of a server on "
                "another host cannot reach: unset or correct it"
            )
        return (
            "this host has no IPv4 address but loopback: waiting for a network "
            f"({names['service_ip']} sets an address)"
        )
