"""Embeddings: unit vectors that depend on the model and the input, and on nothing else."""

from __future__ import annotations

import base64
import hashlib
import math
import struct

from elizanet.testing.question import Question, invalid, tokens_in
from elizanet.testing.reply import HttpReply, json_reply

DIMENSIONS = {"text-embedding-3-large": 3072}
DEFAULT_DIMENSIONS = 1536
MOST_DIMENSIONS = 65_536
MOST_INPUTS = 2048


def embeddings(question: Question) -> HttpReply:
    """Answer `embeddings`, for one input or many, as numbers or base64."""
    inputs = _inputs(question)
    usual = DIMENSIONS.get(question.model, DEFAULT_DIMENSIONS)
    dimensions = question.integer("dimensions", usual, MOST_DIMENSIONS)
    packed = question.text("encoding_format") == "base64"
    data = []
    for index, given in enumerate(inputs):
        vector = unit_vector(f"{question.model}\0{given}", dimensions)
        embedding = pack(vector) if packed else vector
        data.append({"object": "embedding", "index": index, "embedding": embedding})
    tokens = sum(tokens_in(g) if isinstance(g, str) else len(g) for g in inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json_reply({"object": "list", "data": data, "model": question.model, "usage": usage})


def unit_vector(key: str, dimensions: int) -> list[float]:
    """A vector of length one, the same for the same key."""
    noise = hashlib.shake_256(key.encode("utf-8", "surrogatepass")).digest(2 * dimensions)
    numbers = [number + 0.5 for number in struct.unpack(f"<{dimensions}h", noise)]
    length = math.sqrt(math.fsum(number * number for number in numbers))
    return [number / length for number in numbers]


def pack(vector: list[float]) -> str:
    """The vector as the API's base64: 32-bit floats, little-endian."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _inputs(question: Question) -> list[str] | list[list[int]]:
    given = question.body.get("input")
    if isinstance(given, str) and given:
        return [given]
    if isinstance(given, list) and 0 < len(given) <= MOST_INPUTS:
        if all(isinstance(item, str) and item for item in given):
            return given
        if _is_tokens(given):
            return [given]
        if all(_is_tokens(item) for item in given):
            return given
    raise invalid("Invalid 'input': expected a string, strings, or tokens.", "input")


def _is_tokens(value: object) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(item, int) and not isinstance(item, bool) for item in value)
