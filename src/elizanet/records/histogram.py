"""Histograms of durations that add up by adding one number.

Theory of operation. A lane is a quarter of an octave wide: lane `i` counts durations from
`SHORTEST * 2**(i/4)` until just before the beginning of lane `i + 1`. What is shorter or longer
than all lanes is counted in the first or the last one. A histogram is one whole number with 32
bits a lane, so that adding two histograms is one addition, whatever they hold; a lane would have
to count 4 billion calls to run over.

A percentile is the middle, on the logarithmic scale, of the lane that has the call of that rank:
it is off by at most 2**(1/8) - 1, which is 9.1 %.

Stored are the lanes from the first that is not empty, four bytes each, after one byte with the
number of the first one.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain
from typing import Any, Final

from elizanet.records.yielding import READ_PORTION, in_portions

SHORTEST: Final = 1e-4
"""Seconds; where the first lane begins."""
LANES: Final = 112
"""The last one ends at 26,800 seconds."""
_BITS: Final = 32
_BYTES: Final = _BITS // 8
_ONE: Final = tuple(1 << (_BITS * lane) for lane in range(LANES))
_MIDDLES: Final = tuple(SHORTEST * 2 ** ((lane + 0.5) / 4) for lane in range(LANES))

EMPTY: Final = 0


def one(seconds: float) -> int:
    """Return the histogram of one duration."""
    if seconds <= SHORTEST:
        return 1
    return _ONE[min(int(math.log2(seconds / SHORTEST) * 4), LANES - 1)]


def pack(histogram: int) -> bytes:
    """Return a histogram as it is stored."""
    if not histogram:
        return b""
    first = ((histogram & -histogram).bit_length() - 1) // _BITS
    lanes = histogram >> (_BITS * first)
    size = -(-lanes.bit_length() // _BITS) * _BYTES
    return bytes((first,)) + lanes.to_bytes(size, "little")


def unpack(stored: bytes) -> int:
    """Return a histogram that was stored."""
    if not stored:
        return EMPTY
    return int.from_bytes(stored[1:], "little") << (_BITS * stored[0])


def added(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[int, int]]:
    """Return the sums of two stored histograms by what stands before them in each row.

    Those that begin at the same lane are added before they are moved to their place: most are
    of a few calls, and adding small numbers is fast.
    """
    found: dict[tuple[Any, ...], tuple[dict[int, int], dict[int, int]]] = {}
    number = int.from_bytes
    for row in chain.from_iterable(in_portions(rows, READ_PORTION)):
        key = row[:-2]
        both = found.get(key)
        if both is None:
            both = found[key] = ({}, {})
        if stored := row[-2]:
            sums, first = both[0], stored[0]
            sums[first] = sums.get(first, 0) + number(stored[1:], "little")
        if stored := row[-1]:
            sums, first = both[1], stored[0]
            sums[first] = sums.get(first, 0) + number(stored[1:], "little")
    return {key: (_joined(both[0]), _joined(both[1])) for key, both in found.items()}


def _joined(by_first: Mapping[int, int]) -> int:
    """Return the histogram of sums by their first lane."""
    return sum(lanes << (_BITS * first) for first, lanes in by_first.items())


def percentiles(histogram: int, shares: Sequence[float]) -> list[float | None]:
    """Return the duration below which each share of the calls was; None without calls."""
    if not histogram:
        return [None] * len(shares)
    packed = pack(histogram)
    first, lanes = packed[0], packed[1:]
    counts = (
        int.from_bytes(lanes[place : place + _BYTES], "little")
        for place in range(0, len(lanes), _BYTES)
    )
    below = list(accumulate(counts))
    total = below[-1]
    ranks = (max(1, math.ceil(share * total)) for share in shares)
    return [_MIDDLES[first + bisect_left(below, rank)] for rank in ranks]
