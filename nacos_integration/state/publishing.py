"""Reads and replaces the config text at its source, for any process of this instance.

Only the agent has a connection to Nacos. A process leaves its request as a file in the agent's
folder, `question-….json`, and finds the answer in `answer-….json`.
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
from nacos_integration.live_config import md5_of
from nacos_integration.state import files, status

if TYPE_CHECKING:
    # It imports the SDK, which takes a second, and memory in each worker.
    from nacos_integration.agent.sources import ConfigSource

# Longer than two calls to an unreachable Nacos take.
ANSWER_SECONDS = 12.0
POLL_SECONDS = 0.05
_CODES: dict[type[Exception], str] = {
    ConflictError: "conflict",
    NotAllowedError: "not-allowed",
    SourceUnavailableError: "unavailable",
    UnreadableConfigError: "unreadable",
}


class PublishingError(Exception):
    """The text was not read or not replaced.

    `code` is `conflict` (the text has changed meanwhile), `not-allowed`, `unavailable` (Nacos or
    the file), `unreadable` (not a text), `no-agent`, or `late`: the agent may still do it.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def read_text() -> str:
    """Return the current text of the source, "" if there is none; raise PublishingError."""
    text: str | None = _request({"what": "read"})["text"]
    return text or ""


def keeps_details() -> bool:
    """Return whether `publish` keeps the type, description and application; or PublishingError."""
    return bool(_request({"what": "check"})["keeps_details"])


def publish(text: str, *, replaces_md5: str, user: str, text_type: str) -> None:
    """Replace the text by `text` if its MD5 is `replaces_md5`, that of "" for a missing text.

    `user` and `text_type`, such as yaml, are kept in Nacos' records. Raises PublishingError.
    """
    _request(
        {
            "what": "publish",
            "text": text,
            "replaces_md5": replaces_md5,
            "user": user,
            "text_type": text_type,
        }
    )


def _request(question: dict[str, Any]) -> dict[str, Any]:
    folder = conf.load().agent_dir
    if not status.is_agent_running():
        raise PublishingError("no-agent", f"no agent runs for {status.instance_address()}")
    name = f"{uuid.uuid4().hex}.json"
    question_path, answer_path = folder / f"question-{name}", folder / f"answer-{name}"
    try:
        files.write_json(question_path, question | {"asked_at": time.time()}, durable=False)
    except OSError as error:
        raise PublishingError("unavailable", f"{folder}: {error.strerror}") from error
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        if answer := files.read_json(answer_path):
            answer_path.unlink()
            if answer["error"]:
                raise PublishingError(answer["error"], answer["detail"])
            return answer
        time.sleep(POLL_SECONDS)
    try:
        question_path.unlink()
    except FileNotFoundError:
        raise PublishingError("late", f"no answer within {ANSWER_SECONDS:g} s") from None
    raise PublishingError("unavailable", f"the agent did not answer for {ANSWER_SECONDS:g} s")


def has_requests(folder: Path) -> bool:
    """Return whether a request waits in the agent's folder."""
    return any(folder.glob("question-*.json"))


def answer_requests(folder: Path, source: "ConfigSource") -> dict[str, str]:
    """Carry out each request once; called by the agent's thread that uses `source`.

    Return the user of each text that was published, by its MD5.
    """
    published: dict[str, str] = {}
    for path in folder.glob("question-*.json"):
        question = files.read_json(path)
        try:
            # The requesting process removes it too, when it gives up. The first to do so decides.
            path.unlink()
        except FileNotFoundError:
            continue
        # An old request, to an earlier agent, must not be carried out now.
        if question and time.time() - question.pop("asked_at") < ANSWER_SECONDS:
            answer_path = path.with_name(path.name.replace("question", "answer"))
            answer = _do(source, **question)
            if question["what"] == "publish" and not answer["error"]:
                published[md5_of(question["text"])] = question["user"]
            with contextlib.suppress(OSError):
                files.write_json(answer_path, answer, durable=False)
    return published


def _do(source: "ConfigSource", what: str, **details: Any) -> dict[str, Any]:
    try:
        if what == "read":
            return {"error": None, "text": source.read()}
        if what == "check":
            return {"error": None, "keeps_details": source.keeps_details()}
        source.publish(**details)
    except tuple(_CODES) as error:
        return {"error": _CODES[type(error)], "detail": str(error)}
    return {"error": None}
