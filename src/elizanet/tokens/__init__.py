"""Tokens of OpenAI's models, counted on this machine: offline and exact.

Two encodings, `o200k_base` and `cl100k_base`. Text is always text: `<|endoftext|>` in a
prompt becomes the tokens of those thirteen characters. Lone surrogates, which no encoding
can express, count as U+FFFD; a surrogate pair counts as the character it stands for.

The first call for an encoding loads its vocabulary, which takes some tenths of a second and
tens of megabytes; nothing is loaded before. All functions may be called from any thread.
Why this library: docs/decisions/0004-tokenizer.md.
"""

from __future__ import annotations

import re
import threading
from importlib import import_module
from reprlib import repr as short_repr
from typing import TYPE_CHECKING, Protocol

from elizanet.errors import InputError
from elizanet.tokens.long_s import parts_between_long_s

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

O200K = "o200k_base"
CL100K = "cl100k_base"

_CL100K_MODEL = r"gpt-?4(?!o|\.?\d)|gpt-?3\.?5|text-embedding-(?:3|ada)|(?:davinci|babbage|ada)-002"
_O200K_MODEL = r"(?:chat)?gpt|o\d"

_ORDINARY_TOKENS = {O200K: 199_998, CL100K: 100_256}
_SPECIAL_TOKENS = {
    O200K: frozenset({199_999, 200_018}),
    CL100K: frozenset({100_257, 100_258, 100_259, 100_260, 100_276}),
}


class _Tokenizer(Protocol):
    """What is used of the library's tokenizer."""

    def encode_ordinary(self, text: str) -> list[int]: ...
    def count(self, text: str) -> int: ...
    def decode_bytes(self, ids: list[int]) -> bytes: ...


_loaded: dict[str, _Tokenizer] = {}
_loading = threading.Lock()


def encoding_for(model: str) -> str:
    """Name the encoding of a model: "o200k_base" or "cl100k_base".

    The first part of the name that says gpt, o1, text-embedding-3 … decides, so
    "openai/gpt-4o", "azure:gpt-35-turbo" and "ft:gpt-4o-mini:team::id" are understood. An
    unknown model, of whatever maker, counts with o200k_base: exact for OpenAI's new models,
    an estimate for others.
    """
    for part in re.split(r"[/:]", _string(model, "model").lower()):
        name = part.strip()
        if re.match(_CL100K_MODEL, name):
            return CL100K
        if re.match(_O200K_MODEL, name):
            return O200K
    return O200K


def encode(text: str, model: str = "gpt-4o") -> list[int]:
    """Return the token ids of `text`. Raises `InputError` if it is not a string."""
    encoding = encoding_for(model)
    ids: list[int] = []
    for part in _parts(text, encoding):
        ids += _tokenizer(encoding).encode_ordinary(part)
    return ids


def count(text: str, model: str = "gpt-4o") -> int:
    """Return `len(encode(text, model))`, for less time and memory."""
    encoding = encoding_for(model)
    return sum(_tokenizer(encoding).count(part) for part in _parts(text, encoding))


def decode(tokens: Sequence[int], model: str = "gpt-4o") -> str:
    """Return the text of token ids.

    Bytes that are not UTF-8 (a character cut in two) become U+FFFD. Ids of special tokens
    give their names. Raises `InputError` for anything that is not an id of the encoding.
    """
    encoding = encoding_for(model)
    ids = _token_ids(tokens, encoding)
    return _tokenizer(encoding).decode_bytes(ids).decode(errors="replace")


def _parts(text: str, encoding: str) -> Iterator[str]:
    """Cut the text where the library would not; nearly always it is one part."""
    whole = _without_surrogates(_string(text, "text"))
    return parts_between_long_s(whole) if encoding == O200K else iter((whole,))


def _without_surrogates(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _token_ids(tokens: Sequence[int], encoding: str) -> list[int]:
    try:
        ids = list(tokens)
    except TypeError:
        raise InputError(
            f"tokens must be a list of token ids, not {type(tokens).__name__}", param="tokens"
        ) from None
    ordinary, special = _ORDINARY_TOKENS[encoding], _SPECIAL_TOKENS[encoding]
    for position, token in enumerate(ids):
        # True is an int to Python, and no token id
        if type(token) is not int or not (0 <= token < ordinary or token in special):
            raise InputError(
                f"tokens[{position}] is {short_repr(token)}, which is no token of {encoding}: "
                f"allowed are 0 to {ordinary - 1} and {sorted(special)}",
                param="tokens",
            )
    return ids


def _string(value: str, name: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{name} must be a string, not {type(value).__name__}", param=name)
    return value


def _tokenizer(encoding: str) -> _Tokenizer:
    if encoding not in _loaded:
        with _loading:
            if encoding not in _loaded:
                # private by its name, but what the library documents for ids and decoding
                _loaded[encoding] = import_module("toktok")._encoding(encoding)  # noqa: SLF001
    return _loaded[encoding]
