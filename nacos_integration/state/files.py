"""Small JSON files in the state directory, each with one writer and any number of readers.

Only the user of the service can read them.
"""

import contextlib
import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)


def write_json(path: Path, content: dict[str, Any], *, durable: bool = True) -> None:
    """Replace the file atomically: readers see the old or the new content, even after a crash.

    Without `durable`, a crash of the machine may lose the file.
    """
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with open(draft, "w", encoding="utf-8", opener=_open_private) as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def make_folder(path: Path) -> None:
    """Make a folder, or tighten one that another release has made."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(PermissionError):  # it belongs to another user
        path.chmod(0o700)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def overwrite_json(path: Path, content: dict[str, Any]) -> None:
    """Overwrite the file in place, for a full disk without room for a second copy.

    Not atomic: a reader at that moment finds nothing.
    """
    with path.open("r+", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
        file.truncate()


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the content, or None if the file is missing or is not a JSON object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        logger.error("%s cannot be read, ignoring it: %s", path, error)
        return None
    return content if isinstance(content, dict) else None
