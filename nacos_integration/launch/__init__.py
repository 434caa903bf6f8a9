"""Which process has the agent, and what launchers import."""

from collections.abc import Mapping
from typing import Any

from nacos_integration.launch import process


def environment(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the keys of NACOS that a launcher passes to its child by the environment."""
    lifeline_fd = variables.get("SERVE_LIFELINE_FD")
    return {
        "launch_id": variables.get("SERVE_LAUNCH_ID") or process.launch_id,
        "lifeline_fd": int(lifeline_fd) if lifeline_fd else None,
        # Django's autoreloader runs the command twice, and sets this in the inner process.
        "reloader_child": variables.get("RUN_MAIN") == "true",
    }
