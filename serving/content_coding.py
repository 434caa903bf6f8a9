"""Request bodies that are compressed with gzip."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import UnsupportedMediaType

from serving.problems import Problem
from serving.threads import Pool

BLOCK_BYTES: Final = 1024 * 1024
# Feign names deflate too, but applies gzip only, or neither.
_GZIP: Final = (["gzip"], ["x-gzip"], ["gzip", "deflate"])
# zlib's: the largest window, with the head and the checksum of gzip.
_WINDOW_BITS: Final = 16 + zlib.MAX_WBITS
_ADVICE: Final = _(
    "send the body as Content-Encoding says, or without it; in Feign, set "
    "spring.cloud.openfeign.compression.request.enabled=false, in older releases "
    "feign.compression.request.enabled=false"
)


def is_gzip(environ: Mapping[str, Any]) -> bool:
    """Return whether the body is announced as gzip; raise UnsupportedMediaType for other codings.

    An empty field is none.
    """
    field: str = environ.get("HTTP_CONTENT_ENCODING", "")
    codings = [coding.strip().lower() for coding in field.split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if codings and codings not in _GZIP:
        error = UnsupportedMediaType(field)
        error.detail = format_lazy(  # type: ignore[assignment]  # DRF would translate it here
            _("the content coding {coding} is not accepted; use gzip"), coding=field
        )
        raise error
    return bool(codings)


class Gunzip:
    """Expands one body, in blocks, in threads; a body must be one member (RFC 1952).

    Many empty members would take much time for few bytes.
    """

    def __init__(self, pool: Pool, gone: "asyncio.Future[None]") -> None:
        self._pool, self._gone = pool, gone
        self._stream = zlib.decompressobj(_WINDOW_BITS)

    async def blocks(self, piece: bytes) -> AsyncIterator[bytes]:
        """Yield what a piece of the body expands to; raise Problem (400) if it is not gzip."""
        block = b""
        # After a full block, zlib may have more of the same piece.
        while piece or len(block) == BLOCK_BYTES:
            try:
                block = await self._pool.run(
                    self._gone, self._stream.decompress, piece, BLOCK_BYTES
                )
            except zlib.error as error:
                detail = format_lazy(
                    _("the body is not gzip ({error}); {advice}"), error=error, advice=_ADVICE
                )
                raise Problem("invalid-gzip", detail) from None
            if self._stream.unused_data:
                detail = _("the body goes on after the end of the gzip member")
                raise Problem("invalid-gzip", detail)
            piece = self._stream.unconsumed_tail
            yield block

    def end(self) -> None:
        """Raise Problem (400) if the body is not complete."""
        if not self._stream.eof:
            detail = format_lazy(_("the gzip body is cut off; {advice}"), advice=_ADVICE)
            raise Problem("invalid-gzip", detail)
