"""Checks whether this instance serves at the address that it registers, as a caller would."""

import json
from enum import Enum

from nacos_integration import address, http_client
from nacos_integration.conf import Conf

TIMEOUT_SECONDS = 2.0


class Answer(Enum):
    """What came back from the address."""

    READY = "ready"
    NOT_READY = "not ready yet"
    STRANGER = "served by another program"
    REFUSED = "connection refused"
    TIMEOUT = "no answer in time"


def check(conf: Conf, asked: str) -> Answer:
    """Get `/readyz` of `asked`, a `host:port`, once, within TIMEOUT_SECONDS."""
    try:
        answer = http_client.get(asked, "/readyz", seconds=TIMEOUT_SECONDS, max_bytes=10_000)
        body = json.loads(answer.body)
    except TimeoutError:
        return Answer.TIMEOUT
    except OSError:
        return Answer.REFUSED
    except ValueError:
        return Answer.STRANGER
    if not isinstance(body, dict) or body.get("launch_id") != conf.launch_id:
        return Answer.STRANGER
    return Answer.READY if body.get("serves") else Answer.NOT_READY


def address_to_ask(conf: Conf, ip: str) -> str:
    """Return the address that callers use, if this host can.

    Behind address translation, which another ip or port shows, it is the one that is bound.
    """
    if conf.service_port == conf.bind_port and address.is_own(ip):
        return address.with_port(ip, conf.bind_port)
    return bound_address(conf)


def bound_address(conf: Conf) -> str:
    """Return where the instance listens, as this host reaches it."""
    is_wildcard = conf.bind_host in ("0.0.0.0", "::")  # noqa: S104
    return address.with_port("127.0.0.1" if is_wildcard else conf.bind_host, conf.bind_port)
