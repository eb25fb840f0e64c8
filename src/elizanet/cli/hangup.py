"""SIGHUP before anybody can obey it: a starting process keeps it, and does not die of it."""

from __future__ import annotations

import signal
from types import FrameType

_came = False


def hold() -> None:
    """Keep a SIGHUP that comes from now on."""
    if hasattr(signal, "SIGHUP"):  # there is none on Windows
        signal.signal(signal.SIGHUP, _keep)


def let_through() -> None:
    """Send the process the SIGHUP that was kept, if one was: it is obeyed by now."""
    global _came
    came, _came = _came, False
    if came:
        signal.raise_signal(signal.SIGHUP)


def _keep(_number: int, _frame: FrameType | None) -> None:
    global _came  # noqa: PLW0603
    _came = True
