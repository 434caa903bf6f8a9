"""Reads and replaces the config text where it comes from, on behalf of processes such as workers.

Only the agent has a connection to Nacos, so it does both. Who asks leaves a file in the agent's
folder, and finds the answer in another.
"""

import contextlib
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nacos_integration import conf
from nacos_integration.errors import (
    ConflictError,
    NotAllowedError,
    SourceUnavailableError,
    UnreadableConfigError,
)
from nacos_integration.state import files, status

if TYPE_CHECKING:
    # It imports the SDK, which takes a second, and room in each worker.
    from nacos_integration.agent.sources import ConfigSource

# More than Nacos may need to be found away, twice.
ANSWER_SECONDS = 12.0
POLL_SECONDS = 0.05
_CODES: dict[type[Exception], str] = {
    ConflictError: "conflict",
    NotAllowedError: "not-allowed",
    SourceUnavailableError: "unavailable",
    UnreadableConfigError: "unreadable",
}


class PublishingError(Exception):
    """The text was not read or not replaced; says why.

    `code` is `conflict` (somebody else has changed it), `not-allowed`, `unavailable` (Nacos or the
    file does not answer), `unreadable` (no text), `no-agent`, or `late`: then it may still happen.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def read_text() -> str:
    """Return the text that the source has now, "" where there is none; raise PublishingError."""
    text: str | None = _ask({"what": "read"})["text"]
    return text or ""


def publish(text: str, *, replaces_md5: str, user: str, text_type: str) -> None:
    """Put `text` in place of the one with that MD5, of "" where there is none, and only of that.

    `user` and `text_type`, such as yaml, go into Nacos' records. Raises PublishingError.
    """
    _ask(
        {
            "what": "publish",
            "text": text,
            "replaces_md5": replaces_md5,
            "user": user,
            "text_type": text_type,
        }
    )


def _ask(question: dict[str, Any]) -> dict[str, Any]:
    folder = conf.load().agent_dir
    if not status.is_agent_running():
        raise PublishingError("no-agent", f"no agent runs for {conf.load().instance}")
    name = f"{uuid.uuid4().hex}.json"
    asked, answered = folder / f"question-{name}", folder / f"answer-{name}"
    try:
        files.write_json(asked, question | {"asked_at": time.time()}, durable=False)
    except OSError as error:
        raise PublishingError("unavailable", f"{folder}: {error.strerror}") from error
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        if found := files.read_json(answered):
            answered.unlink()
            if found["error"]:
                raise PublishingError(found["error"], found["detail"])
            return found
        time.sleep(POLL_SECONDS)
    try:
        asked.unlink()
    except FileNotFoundError:
        raise PublishingError("late", f"no answer within {ANSWER_SECONDS:g} s") from None
    raise PublishingError("unavailable", f"the agent took no notice for {ANSWER_SECONDS:g} s")


def is_asked(folder: Path) -> bool:
    """Return whether a question waits in the agent's folder."""
    return any(folder.glob("question-*.json"))


def answer(folder: Path, source: "ConfigSource") -> None:
    """Do what is asked for, once each; for the agent's one thread that uses `source`."""
    for path in folder.glob("question-*.json"):
        question = files.read_json(path)
        try:
            # Who asked removes it when out of patience; whoever does so first has decided.
            path.unlink()
        except FileNotFoundError:
            continue
        # What an agent that is gone was asked must not be done now.
        if question and time.time() - question.pop("asked_at") < ANSWER_SECONDS:
            answered = path.with_name(path.name.replace("question", "answer"))
            with contextlib.suppress(OSError):
                files.write_json(answered, _do(source, **question), durable=False)


def _do(source: "ConfigSource", what: str, **details: Any) -> dict[str, Any]:
    try:
        if what == "read":
            return {"error": None, "text": source.read()}
        source.publish(**details)
    except tuple(_CODES) as error:
        return {"error": _CODES[type(error)], "detail": str(error)}
    return {"error": None}
