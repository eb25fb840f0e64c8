"""Images: one pixel, coloured by the prompt."""

from __future__ import annotations

import base64
import hashlib
import struct
import time
import zlib

from elizanet.testing.openai_errors import error_for
from elizanet.testing.openai_typed import TypedStream
from elizanet.testing.question import Question, RefusedError, invalid
from elizanet.testing.reply import EventKind, HttpReply, json_reply

MOST_IMAGES = 10
MOST_PARTIAL_IMAGES = 3


def images(question: Question, event: str = "image_generation") -> HttpReply:
    """Answer `images/generations` with links to this provider, or with the bytes."""
    prompt = question.text("prompt")
    if not prompt:
        raise invalid("Missing required parameter: 'prompt'.", "prompt")
    return _drawn(question, prompt, event)


def _drawn(question: Question, prompt: str, event: str) -> HttpReply:
    colours = [_colour(prompt, index) for index in range(question.integer("n", 1, MOST_IMAGES))]
    if question.stream and not question.model.startswith("dall-e"):  # which ignore it
        return _stream(question, colours, event)
    if question.text("response_format") == "b64_json":
        data = [{"b64_json": base64.b64encode(png(colour)).decode()} for colour in colours]
    else:
        data = [{"url": f"{question.base_url}/pictures/{c.hex()}.png"} for c in colours]
    return json_reply({"created": int(time.time()), "data": data})


def edits(question: Question) -> HttpReply:
    """Answer `images/edits`."""
    if question.files and not any(name.startswith("image") for name in question.files):
        raise invalid("Missing required parameter: 'image'.", "image")
    return images(question, "image_edit")


def variations(question: Question) -> HttpReply:
    """Answer `images/variations`: as if the picture had said what it shows."""
    return _drawn(question, str(len(question.file("image").content)), "image_variation")


def _stream(question: Question, colours: list[bytes], event: str) -> HttpReply:
    """Half-drawn pictures first, then the one that was asked for, of each."""
    stream = TypedStream()
    for colour in colours:
        drawn = {"b64_json": base64.b64encode(png(colour)).decode(), "size": "1x1"}
        for index in range(question.integer("partial_images", 1, MOST_PARTIAL_IMAGES)):
            partial = {**drawn, "partial_image_index": index}
            stream.add(EventKind.CONTENT, f"{event}.partial_image", partial)
        stream.add(EventKind.FINISH, f"{event}.completed", drawn)
    return stream.reply()


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
