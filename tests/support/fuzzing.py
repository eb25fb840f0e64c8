"""Input that nobody meant to send: mutations of real input, cut anywhere.

`make test` runs the same examples every time, so that a change is judged by what it changes; pytest
alone looks for new ones. `ELIZANET_LONG=1` makes each property run a hundred times as many.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

LONG = os.environ.get("ELIZANET_LONG") == "1"
"""Whether the long forms are wanted; read when the tests are collected."""


def fuzz(examples: int) -> settings:
    """Return how often a property is tried; no deadline, the machine is shared."""
    return settings(
        max_examples=examples * (100 if LONG else 1),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes], tokens: Sequence[bytes] = ()) -> bytes:
    """Draw one of the seeds with up to eight edits: bytes taken out, put in or doubled."""
    data = bytearray(draw(st.sampled_from(seeds)))
    inserted = st.binary(max_size=8)
    if tokens:
        inserted |= st.sampled_from(tokens)
    for _ in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 20)))
        kind = draw(st.sampled_from(["replace", "insert", "double", "end"]))
        if kind == "replace":
            data[start:end] = draw(inserted)
        elif kind == "insert":
            data[start:start] = draw(inserted)
        elif kind == "double":
            data[end:end] = data[start:end]
        else:
            del data[start:]
    return bytes(data)


@st.composite
def pieces_of(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> list[bytes]:
    """Draw bytes, cut at up to ten places or into single bytes."""
    data = draw(whole)
    if draw(st.booleans()) and len(data) < 5000:
        return [data[i : i + 1] for i in range(len(data))]
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=10)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def cut_everywhere(data: bytes) -> list[list[bytes]]:
    """Return the bytes cut in two, once at each position."""
    return [[data[:position], data[position:]] for position in range(len(data) + 1)]


def growth(work: Callable[[int], object], size: int) -> float:
    """Return by how much the time of `work(size)` grows when the size is four times as large.

    About 4 for linear work, 16 for quadratic; the best of three, on a machine that is shared.
    """

    def seconds(amount: int) -> float:
        times = []
        for _ in range(3):
            began = time.process_time()
            work(amount)
            times.append(time.process_time() - began)
        return min(times)

    return seconds(4 * size) / max(seconds(size), 1e-4)
