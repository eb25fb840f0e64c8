"""The console of rich, as the commands want it."""

from __future__ import annotations

import errno
import os
from typing import NoReturn

from rich.console import Console


class Screen(Console):
    """Draws; a reader that goes away is an error for the boundary of the command line.

    rich would end the process itself, with an exit code of its own.
    """

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
