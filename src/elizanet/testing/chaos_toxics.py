"""What can be wrong with a connection: frozen data that answers what a `Flow` asks of it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import ClassVar, Literal

PIECES_A_SECOND = 20
"""How finely a limited bandwidth is doled out."""


class Ending(Enum):
    """What happens to a connection once a toxic has let its share of bytes pass."""

    SILENCE = "nothing more comes through"
    CLOSE = "closed in order"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Toxic:
    """Something wrong with the bytes on their way `toward` one side.

    By default those toward the client, the answers. Times are in seconds. Bytes are
    counted for each connection by itself, from when the toxics were assigned or the
    connection began, whichever was later. Raises `ValueError` for a number below its least.
    """

    ending: ClassVar[Ending | None] = None
    toward: Literal["client", "server"] = field(default="client", kw_only=True)

    def __post_init__(self) -> None:
        for each in fields(self):
            value, least = getattr(self, each.name), each.metadata.get("least", 0)
            if isinstance(value, int | float) and value < least:
                name = f"{type(self).__name__}.{each.name}"
                raise ValueError(f"{name} is {value}, but must be at least {least}")

    @property
    def bytes_passed(self) -> int | None:
        """How many bytes pass before `ending`; None: all."""
        return None

    def held(self, _draw: float, /) -> float:
        """How long a piece is held back after it came; the draw is between -1 and 1."""
        return 0.0

    def held_end(self) -> float:
        """How long the end of the stream is held back."""
        return 0.0

    def piece(self, _chance: random.Random, /) -> int | None:
        """The most bytes that may be sent at once."""
        return None

    def pause(self, _size: int, /) -> float:
        """How long nothing may be sent after a piece of that size."""
        return 0.0


@dataclass(frozen=True, slots=True)
class Latency(Toxic):
    """Everything arrives `seconds` later, give or take a random part of `jitter`."""

    seconds: float
    jitter: float = 0.0

    def held(self, draw: float, /) -> float:
        return max(0.0, self.seconds + self.jitter * draw)


@dataclass(frozen=True, slots=True)
class Bandwidth(Toxic):
    """At most that many bytes a second."""

    bytes_a_second: int = field(metadata={"least": 1})

    def piece(self, _chance: random.Random, /) -> int:
        return max(1, self.bytes_a_second // PIECES_A_SECOND)

    def pause(self, size: int, /) -> float:
        return size / self.bytes_a_second


@dataclass(frozen=True, slots=True)
class Slicer(Toxic):
    """Bytes arrive in pieces of 1 to `size`, cut anywhere, `seconds` apart."""

    size: int = field(default=1, metadata={"least": 1})
    seconds: float = 0.0

    def piece(self, chance: random.Random, /) -> int:
        return chance.randint(1, self.size)

    def pause(self, _size: int, /) -> float:
        return self.seconds


@dataclass(frozen=True, slots=True)
class SlowClose(Toxic):
    """The end of the stream arrives `seconds` later than it was sent."""

    seconds: float

    def held_end(self) -> float:
        return self.seconds


@dataclass(frozen=True, slots=True)
class _Share(Toxic):
    after: int = 0

    @property
    def bytes_passed(self) -> int:
        return self.after


@dataclass(frozen=True, slots=True)
class Silence(_Share):
    """Nothing comes through after that many bytes; the connection stays open.

    What was sent meanwhile arrives when the toxic is taken away.
    """

    ending: ClassVar[Ending | None] = Ending.SILENCE


@dataclass(frozen=True, slots=True)
class LimitData(_Share):
    """Both sides are closed in order after that many bytes."""

    ending: ClassVar[Ending | None] = Ending.CLOSE


@dataclass(frozen=True, slots=True)
class ResetPeer(_Share):
    """Both sides get a TCP reset after that many bytes."""

    ending: ClassVar[Ending | None] = Ending.RESET


@dataclass(frozen=True, slots=True)
class Refuse(Toxic):
    """New connections are refused; those that are open stay."""
