"""All instances of the service, the config that each runs, and its entry in the registry."""

import ipaddress
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from django.utils.functional import Promise
from django.utils.module_loading import import_string
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from nacos_integration import conf, http_client, live_config
from nacos_integration.state import checked, status, worker_reports

TIMEOUT_SECONDS = 1.0
KEEP_SECONDS = 2.0
QUERIED_MAX = 32
ANSWER_MAX_BYTES = 64 * 1024
# Of an answer that another program may have made up.
WORKERS_MAX = 128
VERSION_MAX = 32
VALUE_MAX = 200

# After a change, workers that do not run it yet are no difference for so long.
SETTLE_SECONDS = 5.0

State = Literal["ok", "unreachable", "foreign"]
Agreement = Literal["agree", "changing", "differ", "unknown"]


@dataclass(frozen=True)
class Instance:
    """One instance: what it reports, and its entry in the registry, if there is one.

    `state` is `foreign` if another program answers at the address. `problem` is lazy text, because
    a view is kept for readers of several languages.
    """

    address: str
    is_own: bool
    state: State
    problem: str | Promise = ""
    workers: list[dict[str, Any]] = field(default_factory=list)
    listed: dict[str, Any] | None = None


@dataclass(frozen=True)
class View:
    """All instances at one moment.

    `agreement` compares the configs that their workers run with the one in force on this instance,
    of version `in_force`.
    """

    instances: list[Instance]
    agreement: Agreement
    versions: list[str]
    in_force: str
    queried_at: float


def describe() -> dict[str, Any]:
    """Return what this instance reports of itself to others."""
    settings = conf.load()
    agent = status.read()
    return {
        "service": settings.service_name,
        "instance": status.instance_address(),
        "registration": agent.get("registration", {}).get("state"),
        "draining": bool(agent.get("draining_since")),
        "workers": worker_reports.read() or [_this_process()],
    }


def _this_process() -> dict[str, Any]:
    """Return the report of a process that writes none, such as `runserver`."""
    applied = _in_force()
    return {
        "pid": os.getpid(),
        "version": applied.version,
        "value": str(applied.value),
        "since": applied.applied_at,
        "silent_seconds": 0.0,
    }


def _in_force() -> live_config.AppliedConfig[live_config.ConfigHandler]:
    handler: type[live_config.ConfigHandler] = import_string(conf.load().config_handler)
    return live_config.current(handler)


_kept: View | None = None
_lock = threading.Lock()


def query_all() -> View:
    """Return all instances, queried at most KEEP_SECONDS ago; takes about TIMEOUT_SECONDS.

    Queries them again after a change of the config, until all workers run it.
    """
    global _kept
    with _lock:
        if (
            _kept is None
            or _kept.agreement == "changing"
            or _kept.in_force != _in_force().version
            or not 0 <= time.time() - _kept.queried_at < KEEP_SECONDS
        ):
            _kept = _query_all()
        return _kept


def _query_all() -> View:
    listed = {f"{entry['ip']}:{entry['port']}": entry for entry in status.read_instances()}
    own_address = status.instance_address()
    own = Instance(
        address=own_address,
        is_own=True,
        state="ok",
        workers=describe()["workers"],
        listed=listed.pop(own_address, None),
    )
    instances = [own, *_query_others(listed)]
    running = [worker for instance in instances for worker in instance.workers]
    versions = sorted({worker["version"] for worker in running})
    all_known = all(instance.state == "ok" for instance in instances) and not any(
        worker["silent_seconds"] > worker_reports.SILENT_SECONDS for worker in running
    )
    in_force = _in_force()
    agreement: Agreement = "agree" if all_known else "unknown"
    if versions != [in_force.version]:
        # Another instance may be ahead of this one.
        times = [in_force.applied_at, *(worker["since"] for worker in running)]
        ages = [age for age in map(status.seconds_since, times) if age is not None]
        agreement = "changing" if min(ages, default=SETTLE_SECONDS) < SETTLE_SECONDS else "differ"
    return View(instances, agreement, versions, in_force.version, time.time())


def _query_others(listed: dict[str, dict[str, Any]]) -> list[Instance]:
    entries = sorted(listed.items())
    queried, rest = entries[:QUERIED_MAX], entries[QUERIED_MAX:]
    found = []
    if queried:
        with ThreadPoolExecutor(QUERIED_MAX, thread_name_prefix="instances") as pool:
            found = list(pool.map(lambda entry: _query(*entry), queried))
    problem = format_lazy(_("not queried: more than {most} instances are listed"), most=QUERIED_MAX)
    return found + [
        Instance(address, False, "unreachable", problem, listed=entry) for address, entry in rest
    ]


def _query(address: str, listed: dict[str, Any]) -> Instance:
    """Query one other instance at the address that callers use."""
    try:
        ipaddress.ip_address(listed["ip"])
        answer = http_client.get(
            address, "/statusz", seconds=TIMEOUT_SECONDS, max_bytes=ANSWER_MAX_BYTES
        )
        workers = _workers(json.loads(answer.body))
    except OSError as error:
        return Instance(address, False, "unreachable", _problem(error), listed=listed)
    except (ValueError, RecursionError):
        workers = None
    if workers is None:
        return Instance(address, False, "foreign", listed=listed)
    return Instance(address, False, "ok", workers=workers, listed=listed)


def _problem(error: OSError) -> str | Promise:
    if isinstance(error, TimeoutError):
        return format_lazy(_("no answer within {seconds} s"), seconds=f"{TIMEOUT_SECONDS:g}")
    if isinstance(error, ConnectionRefusedError):
        return _("connection refused")
    return str(error)


def _workers(report: Any) -> list[dict[str, Any]] | None:
    """Return the workers of an answer, None where it is not one of this service."""
    if not isinstance(report, dict) or report.get("service") != conf.load().service_name:
        return None
    given = report.get("workers")
    if not isinstance(given, list) or len(given) > WORKERS_MAX:
        return None
    workers = [_worker(worker) for worker in given if isinstance(worker, dict)]
    complete = [worker for worker in workers if worker is not None]
    return complete if len(complete) == len(given) else None


def _worker(given: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is shown and compared of a worker, None where something is wrong."""
    needed = {
        "pid": checked.whole(given.get("pid")),
        "version": checked.text(given.get("version"), VERSION_MAX),
        "value": checked.text(given.get("value"), VALUE_MAX),
        "silent_seconds": checked.moment(given.get("silent_seconds")),
    }
    since = given.get("since")
    if None in needed.values() or (since is not None and checked.moment(since) is None):
        return None
    return needed | {"since": since}
