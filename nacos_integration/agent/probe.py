"""Checks whether this instance serves at its own address, over HTTP like a caller."""

import json
from enum import Enum

from nacos_integration import http_client
from nacos_integration.conf import Conf

TIMEOUT_SECONDS = 2.0


class Answer(Enum):
    """What came back from the address."""

    READY = "ready"
    NOT_READY = "not ready yet"
    STRANGER = "served by another program"
    REFUSED = "connection refused"
    TIMEOUT = "no answer in time"


def check(conf: Conf) -> Answer:
    """Get `/readyz` once, within TIMEOUT_SECONDS."""
    host = "127.0.0.1" if conf.bind_host in ("0.0.0.0", "") else conf.bind_host  # noqa: S104
    address = f"[{host}]:{conf.bind_port}" if ":" in host else f"{host}:{conf.bind_port}"
    try:
        answer = http_client.get(address, "/readyz", seconds=TIMEOUT_SECONDS, max_bytes=10_000)
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
