"""Answers on their way out: whole or in a stream, compressed or not."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.serve.route import Asked
    from agent.store.reading import Version

SMALL: Final = 1024
"""Bytes that compressing would not make much smaller."""
LARGE: Final = 64 << 10
"""Bytes from which on compressing is left to a thread."""
LEVEL: Final = 1
"""The fastest: findings are so alike that more makes little smaller."""
GZIP: Final = 31
"""zlib's word for gzip's frame with the largest window."""
LONGEST: Final = 60.0
"""Seconds that a client has to take a stream."""
STATE_HEADERS: Final = {"Cache-Control": "private, no-cache", "Vary": "Accept, Accept-Encoding"}


def headers_of(asked: Asked, version: Version | None) -> dict[str, str]:
    """Those of an answer made from this version of the state."""
    found = {
        **asked.site.setup.now.headers,
        **asked.headers,
        "Content-Type": asked.resolved.form.media,
        **STATE_HEADERS,
    }
    if version is not None and asked.resolved.route.versioned:
        found["ETag"] = asked.tag(version)
    return found


async def whole(asked: Asked, body: bytes, version: Version | None = None) -> web.Response:
    """An answer that is all there."""
    headers = headers_of(asked, version)
    if asked.resolved.gzip and len(body) > SMALL:
        headers["Content-Encoding"] = "gzip"
        body = await asked.site.state.run(lambda: packed(body)) if len(body) > LARGE else packed(body)
    return web.Response(body=body, headers=headers)


def packed(body: bytes) -> bytes:
    """The same, compressed."""
    packer = zlib.compressobj(LEVEL, wbits=GZIP)
    return packer.compress(body) + packer.flush()


async def stream(asked: Asked, chunks: Iterator[bytes], version: Version) -> web.StreamResponse:
    """An answer that is made while it leaves; the chunks are asked for in threads."""
    response = web.StreamResponse(headers=headers_of(asked, version))
    if asked.request.version >= (1, 1):
        response.enable_chunked_encoding()
    if asked.resolved.gzip:
        response.headers["Content-Encoding"] = "gzip"
        chunks = _packed(chunks)
    if asked.request.method == "HEAD":
        await response.prepare(asked.request)
        return response
    following: Callable[[], bytes] = lambda: next(chunks, b"")  # noqa: E731 - asked for again and again
    chunk = await asked.site.state.run(following)  # what goes wrong at the beginning can still be told
    await response.prepare(asked.request)
    try:
        async with asyncio.timeout(LONGEST):
            while chunk:
                await response.write(chunk)
                chunk = await asked.site.state.run(following)
            await response.write_eof()
    except Exception as error:
        # half an answer must not look like a whole one
        if (transport := asked.request.transport) is not None:
            transport.abort()
        raise ConnectionResetError("the stream was given up") from error
    return response


def _packed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(LEVEL, wbits=GZIP)
    for chunk in chunks:
        if found := packer.compress(chunk):
            yield found
    yield packer.flush()
