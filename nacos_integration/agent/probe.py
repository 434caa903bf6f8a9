"""Asks this instance's own address whether it serves, as a caller would find it."""

import http.client
import json
from enum import Enum

from nacos_integration.conf import Conf

TIMEOUT_SECONDS = 2.0


class Answer(Enum):
    """What came back from the address."""

    READY = "ready"
    NOT_READY = "not ready yet"
    STRANGER = "served by another program"
    REFUSED = "connection refused"
    TIMEOUT = "no answer in time"


def ask(conf: Conf) -> Answer:
    """Ask `/readyz` once, within a few seconds."""
    host = "127.0.0.1" if conf.bind_host in ("0.0.0.0", "") else conf.bind_host  # noqa: S104
    connection = http.client.HTTPConnection(host, conf.bind_port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body = json.loads(response.read(10_000))
    except TimeoutError:
        return Answer.TIMEOUT
    except OSError:
        return Answer.REFUSED
    except (http.client.HTTPException, ValueError):
        return Answer.STRANGER
    finally:
        connection.close()
    if not isinstance(body, dict) or body.get("launch_id") != conf.launch_id:
        return Answer.STRANGER
    return Answer.READY if body.get("serves") else Answer.NOT_READY
