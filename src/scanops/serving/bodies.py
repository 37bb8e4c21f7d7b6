"""The body of a request that is no form, read within bounds of size and time."""

from __future__ import annotations

import asyncio

from fastapi import Request

from scanops.serving.limits import MIB
from scanops.serving.problems import ProblemError
from scanops.serving.room import RequestRoom


async def read(request: Request, held: RequestRoom, most_bytes: int, timeout_s: float) -> bytearray:
    """Read a whole body.

    Args:
        request: Its body unread.
        held: Its part of the room, which the body takes.
        most_bytes: Larger ones are refused, by their declared length or as they arrive.
        timeout_s: Time for it to arrive.

    Returns:
        The bytes.

    Raises:
        ProblemError: 408 too slow, 413 too large, 415 compressed, 503 all bodies together are too large.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise ProblemError(415, "Send the body as it is, without a content encoding.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal():
        _check(int(declared), most_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in held.metered(request.stream()):
                _check(len(body) + len(chunk), most_bytes)
                body += chunk
    except TimeoutError as error:
        raise ProblemError(
            408, f"The body did not arrive within {timeout_s:g} s; send less at a time."
        ) from error
    return body


def media_type(request: Request) -> str:
    """Give the type of the body, in lower case and without its parameters; empty where none is named."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _check(size: int, most_bytes: int) -> None:
    if size > most_bytes:
        bound = f"{most_bytes // MIB} MiB" if most_bytes >= MIB else f"{most_bytes // 1024} KiB"
        raise ProblemError(413, f"The body is larger than {bound}; send less at a time.")
