"""Mutation testing: change one thing at a time in a pure module, and see a test fail.

    python -m scripts.mutate                                    # all of policy/
    python -m scripts.mutate src/elizanet/policy/breaker.py     # one file

Nothing on disk changes: each mutant is compiled in memory, in a forked process that runs the
file's own tests, `tests/policy/test_NAME*.py`. A mutant that makes no difference is listed in
`tests/policy/equivalent_mutants.txt` as it is printed, with the reason. Exits 1 if the score
is below `--least`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest
from scripts.mutants import Mutant, mutants_of

import elizanet.library  # noqa: F401 -- what others have made is loaded once, for all mutants

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
TESTS = ROOT / "tests/policy"
EQUIVALENT = TESTS / "equivalent_mutants.txt"
OPTIONS = ("-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:randomly")
LIMIT_S = 120.0
"""Seconds the tests of one mutant may take; one that hangs them is found out, too."""


def load(mutant: Mutant) -> None:
    """Make the mutant the module that everyone imports."""
    for ours in [name for name in sys.modules if name.partition(".")[0] == "elizanet"]:
        del sys.modules[ours]
    name = ".".join(mutant.path.resolve().relative_to(SOURCE).with_suffix("").parts)
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = str(mutant.path)
    exec(compile(mutant.source, str(mutant.path), "exec"), vars(module))  # noqa: S102


def survives(mutant: Mutant | None, tests: Sequence[Path]) -> bool:
    """Tell whether every test passes, in a process of their own, on the mutant if there is one."""
    process = os.fork()
    if not process:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        code = 1
        try:
            if mutant is not None:
                load(mutant)
            code = int(pytest.main([*OPTIONS, *map(str, tests)]))
        finally:
            os._exit(code)
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return False


def judge(mutant: Mutant) -> Mutant | None:
    """Return the mutant if no test notices it."""
    own = sorted(TESTS.glob(f"test_{mutant.path.stem}*.py"))
    return mutant if not own or survives(mutant, own) else None


def explained() -> dict[str, str]:
    """Return the mutants that make no difference, each with its reason."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines() if EQUIVALENT.exists() else []
    entries = [line.rsplit("  # ", 1) for line in lines if line and not line.startswith("#")]
    return {mutant.strip(): reason.strip() for mutant, reason in entries}


def tell(mutant: Mutant, reason: str | None) -> None:
    """Print a mutant that lives."""
    told = f"line {mutant.line} of {mutant}"
    print(f"{told}  # {reason}" if reason else told, flush=True)


def main() -> int:
    """Judge every mutant of the files, and print those that live."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--least", type=float, default=95.0, help="per cent (default 95)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    given = parser.parse_args()
    hypothesis.settings.register_profile("mutation", derandomize=True, database=None)
    hypothesis.settings.load_profile("mutation")
    if not survives(None, [TESTS]):
        sys.exit(f"the tests of {TESTS.relative_to(ROOT)} fail as things are; run them first")
    files = given.files or sorted((SOURCE / "elizanet/policy").glob("*.py"))
    mutants = [mutant for path in files for mutant in mutants_of(path)]
    reasons, excused, living = explained(), 0, 0
    with multiprocessing.get_context("fork").Pool(given.jobs) as pool:
        for mutant in filter(None, pool.imap(judge, mutants)):
            reason = reasons.get(str(mutant))
            tell(mutant, reason)
            living, excused = living + 1, excused + (reason is not None)
    score = 100 * (1 - (living - excused) / max(1, len(mutants) - excused))
    print(f"{len(mutants)} mutants, {living} live, {excused} of them explained: {score:.1f} %")
    return 0 if score >= given.least else 1


if __name__ == "__main__":
    sys.exit(main())
