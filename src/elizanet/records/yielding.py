"""Leaves the interpreter to the event loop, a little at a time.

A thread that computes keeps the interpreter for five milliseconds before another one gets it, and
an answer would have to wait for that. A short sleep is the only way to hand it over: whoever only
lets go of it has it back before the other one has woken up.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

PORTION: Final = 64
"""Records or rows that are written at a time: less than half a millisecond."""
READ_PORTION: Final = 1024
"""Rows that are added up at a time: about a millisecond."""
_PAUSE_S: Final = 0.0001

T = TypeVar("T")


def in_portions(items: Iterable[T], size: int = PORTION) -> Iterator[list[T]]:
    """Return the items in lists of `size`, with a pause between two of them."""
    rest = iter(items)
    portion = list(islice(rest, size))
    while portion:
        yield portion
        portion = list(islice(rest, size))
        if portion:
            time.sleep(_PAUSE_S)
