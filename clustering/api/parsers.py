"""Parses a request body, up to a size limit, and more strictly than JSON libraries do."""

import codecs
from collections.abc import Callable, Collection, Mapping
from typing import IO, Any

from django.utils.translation import gettext_lazy as _
from rest_framework.parsers import BaseParser

from clustering import fit_timeout, limits
from clustering.api.body import point_blocks, slow_numbers, strict_blocks, strict_json
from serving.content_coding import is_gzip
from serving.problems import Problem, too_large


class PointsParser(BaseParser):
    """Parses `{"points": [[x, y], …]}`; a bool or a string is not accepted as a number.

    Returns the points as an array or nested lists, for the serializer, and under `others` the first
    other members, as JSON by name. Raises Problem, whose pointer is the place of the first error.
    """

    media_type = "application/json"
    # For smaller bodies, msgspec alone is faster.
    blocks_from_bytes = 1024
    block_bytes = 256 * 1024
    strict_block_bytes = 64 * 1024

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        assert parser_context, "DRF's views pass one"
        body = self._read(stream, parser_context)
        if body.startswith(codecs.BOM_UTF8):
            body = body[len(codecs.BOM_UTF8) :]
        check = fit_timeout.check_of(parser_context["request"].META)
        members = getattr(parser_context.get("view"), "members", ())
        return self._content(body, check, members)._asdict()

    def _content(
        self, body: bytes, check: Callable[[], None], members: Collection[str]
    ) -> strict_json.Content:
        if len(body) >= self.blocks_from_bytes:
            points = point_blocks.read(body, self.block_bytes, check)
            if points is not None:
                return strict_json.Content(points, {})
            if len(body) > self.strict_block_bytes or slow_numbers.are_in(body):
                return strict_blocks.read(body, self.strict_block_bytes, check, members)
        return strict_json.decode(body)

    @staticmethod
    def _read(stream: IO[Any], context: Mapping[str, Any]) -> bytes:
        # DRF limits the size only in its own parsers.
        model = getattr(context.get("view"), "model", None)
        limit = model.max_body_bytes if model else limits.MAX_BODY_BYTES
        meta = context["request"].META
        if is_gzip(meta):  # the server expands it; others, such as runserver, do not
            raise Problem("unsupported-media-type", _("this server does not expand gzip"))
        announced = meta.get("CONTENT_LENGTH") or "0"
        if announced.isdigit() and int(announced) > limit.value:
            raise too_large(limit)
        body: bytes = stream.read(limit.value + 1)
        if len(body) > limit.value:
            raise too_large(limit)
        return body
