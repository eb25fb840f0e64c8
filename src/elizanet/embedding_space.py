"""Vectors of one model have one length; another length is another space.

A vector of a different length breaks the store it goes into, long after the call that let
it through. So the first answer of a model settles the length for those that follow, and an
answer of another length is refused as malformed. Calls that ask for `dimensions` are checked
against what they asked for and settle nothing.
"""

from __future__ import annotations

import msgspec

from elizanet.json_fields import decode_loosely
from elizanet.providers.shapes import vector_length


class _Asked(msgspec.Struct):
    dimensions: object = None


_decode_asked = msgspec.json.Decoder(_Asked).decode


class VectorLengths:
    """The lengths seen so far, by the model name that callers use."""

    def __init__(self) -> None:
        self._lengths: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<VectorLengths {self._lengths}>"

    def check(self, model: str, request: bytes, answer: bytes) -> None:
        """Raise `ValueError` if the answer's vectors are not of this model's length."""
        if decode_loosely(request, _decode_asked, _Asked).dimensions is not None:
            return
        length = vector_length(answer)
        known = self._lengths.setdefault(model, length)
        if length != known:
            raise ValueError(f"an embedding of {length} numbers where {model} gave {known} before")
