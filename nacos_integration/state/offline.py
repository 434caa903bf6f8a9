"""An operator's wish to keep this instance out of the registry, from any process."""

import contextlib
import logging
import time

from nacos_integration import conf
from nacos_integration.state import files, status
from nacos_integration.state.states import RegistrationState

logger = logging.getLogger(__name__)


def take_out(*, this_launch: bool = False) -> float:
    """Write the wish, which is kept over restarts; return its time, for `is_confirmed`.

    With `this_launch`, the next start discards it.
    """
    since = time.time()
    launch_id = status.read().get("launch_id") if this_launch else None
    files.write_json(conf.load().offline_path, {"since": since, "launch_id": launch_id})
    return since


def put_back() -> float:
    """Remove the wish; return the time, for `is_confirmed`."""
    carry_over()
    conf.load().offline_path.unlink(missing_ok=True)
    return time.time()


def is_out() -> bool:
    """Return whether an operator wants this instance out of the registry."""
    return conf.load().offline_path.exists()


def is_confirmed(since: float) -> bool:
    """Return whether the registry has confirmed the wish since that time."""
    registration = status.read().get("registration", {})
    wanted, moment = (
        (RegistrationState.OFFLINE, "confirmed_at")
        if is_out()
        else (RegistrationState.REGISTERED, "verified_at")
    )
    return registration.get("state") == wanted and (registration.get(moment) or 0) >= since


def wait_until_confirmed(since: float, seconds: float) -> bool:
    """Wait for `is_confirmed`, at most `seconds`; return whether it is."""
    deadline = time.monotonic() + seconds
    while not is_confirmed(since):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def carry_over() -> None:
    """Move a wish out of the folder that earlier releases named `<ip>-<port>`."""
    path = conf.load().offline_path
    for old in path.parent.parent.glob(f"*-{path.parent.name}/{path.name}"):
        try:
            files.make_folder(path.parent)
            old.replace(path)
        except OSError as error:
            logger.error("registry: %s is ignored, it cannot be moved to %s: %s", old, path, error)
            continue
        with contextlib.suppress(OSError):  # an agent of that release runs, or was killed
            old.parent.rmdir()
