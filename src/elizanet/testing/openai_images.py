"""Images: one pixel, coloured by the prompt."""

from __future__ import annotations

import base64
import hashlib
import struct
import time
import zlib

from elizanet.testing.openai_errors import error_for
from elizanet.testing.question import Question, RefusedError, invalid
from elizanet.testing.reply import HttpReply, json_reply

MOST_IMAGES = 10


def images(question: Question) -> HttpReply:
    """Answer `images/generations` with links to this provider, or with the bytes."""
    prompt = question.text("prompt")
    if not prompt:
        raise invalid("Missing required parameter: 'prompt'.", "prompt")
    colours = [_colour(prompt, index) for index in range(question.integer("n", 1, MOST_IMAGES))]
    if question.text("response_format") == "b64_json":
        data = [{"b64_json": base64.b64encode(png(colour)).decode()} for colour in colours]
    else:
        data = [{"url": f"{question.base_url}/pictures/{c.hex()}.png"} for c in colours]
    return json_reply({"created": int(time.time()), "data": data})


def picture(endpoint: str) -> HttpReply:
    """Answer `GET pictures/RRGGBB.png`, which is where the links lead."""
    try:
        colour = bytes.fromhex(endpoint.removeprefix("pictures/").removesuffix(".png"))
        return HttpReply(body=png(colour), content_type="image/png")
    except ValueError:
        raise RefusedError(error_for(404)) from None


def png(colour: bytes) -> bytes:
    """A PNG of one pixel. Raises `ValueError` if `colour` is not three bytes."""
    if len(colour) != 3:  # noqa: PLR2004 - red, green, blue
        raise ValueError("a colour has three bytes")
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" + colour)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def _colour(prompt: str, index: int) -> bytes:
    return hashlib.sha256(f"{index}\0{prompt}".encode("utf-8", "surrogatepass")).digest()[:3]
