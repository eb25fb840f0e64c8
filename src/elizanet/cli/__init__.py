"""The command line: `elizanet COMMAND`, one module a command, loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from elizanet.cli.errors import guarded
from elizanet.cli.group import elizanet


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    `arguments` are by default those of the process. Whatever fails is one sentence on
    standard error.
    """
    return guarded(elizanet, arguments)
