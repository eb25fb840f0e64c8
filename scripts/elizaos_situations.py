"""Try an elizaOS agent in every situation, and print what came of it.

    python scripts/elizaos_situations.py [--write]

Runs the real runtime and the real openai plugin against local providers that fail. `--write`
puts the table into docs/elizaos.md.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs" / "elizaos.md"
HEAD = "| situation | outcome | asked: provider | asked: ElizaNet |\n|---|---|---|---|\n"
sys.path.insert(0, str(ROOT / "tests"))
os.environ["LOG_LEVEL"] = "CRITICAL"


async def table() -> str:
    """Return the rows of the table as Markdown."""
    from support.situations import SITUATIONS, outcome_of  # noqa: PLC0415 -- the path is set above

    return "".join([f"| {each.name} | {await outcome_of(each)} |\n" for each in SITUATIONS])


def main() -> None:
    """Print the table, or write it."""
    logging.disable(logging.CRITICAL)
    write = "--write" in sys.argv
    guide = GUIDE.read_text(encoding="utf-8") if write else ""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # where no configuration lies about
        found = asyncio.run(table())
    if write:
        before, head, rest = guide.partition(HEAD)
        after = rest.partition("\n\n")[2]
        GUIDE.write_text(f"{before}{head}{found}\n{after}", encoding="utf-8")
    else:
        print(found, end="")


if __name__ == "__main__":
    main()
