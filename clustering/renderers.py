"""Writes the answer as JSON, without the detours of a general renderer."""

from collections.abc import Mapping
from typing import Any

import msgspec
from rest_framework.renderers import BaseRenderer


class LabelsRenderer(BaseRenderer):
    """Renders `{"results": [label, …]}`, or any other data of plain types, with msgspec."""

    media_type = "application/json"
    format = "json"
    charset = None  # JSON is UTF-8, and has no charset parameter

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return msgspec.json.encode(data)
