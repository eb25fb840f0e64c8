"""The command line: `elizanet COMMAND`, one module a command, loaded when it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from elizanet.cli import hangup


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    `arguments` are by default those of the process. Whatever fails is one sentence on
    standard error.
    """
    if arguments is None and "serve" in sys.argv[1:2]:
        hangup.hold()  # first of all: what follows takes a while to load
    from elizanet.cli.errors import guarded  # noqa: PLC0415
    from elizanet.cli.group import elizanet  # noqa: PLC0415

    return guarded(elizanet, arguments)
