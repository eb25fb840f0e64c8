"""Mutation testing: change one thing at a time in a pure module, and see a test fail.

    python scripts/mutate.py                                    # all of policy/
    python scripts/mutate.py src/elizanet/policy/breaker.py     # one file

Nothing on disk changes: each mutant is compiled in memory, in a forked process that runs the
file's own tests (`tests/policy/test_NAME.py`) and, if it lives, the others of that folder. A
mutant that makes no difference is listed in `tests/policy/equivalent_mutants.txt` with the
reason. Prints what survived without a reason, and exits 1 if the score is below `--least`.
"""

from __future__ import annotations

import argparse
import ast
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

import elizanet.library  # noqa: F401 -- what others have made is loaded once, for all mutants

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
TESTS = ROOT / "tests/policy"
EQUIVALENT = TESTS / "equivalent_mutants.txt"
OPTIONS = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:randomly"]
LIMIT_S = 60.0
"""Seconds the tests of one mutant may take; one that hangs them is found out, too."""

_SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,), ast.Pow: (ast.Mult,),
    ast.Mod: (ast.Mult,), ast.And: (ast.Or,), ast.Or: (ast.And,),
}  # fmt: skip
_NAMES = {"min": "max", "max": "min"}


@dataclass(frozen=True)
class Mutant:
    """One change: what stood there, what stands there now, and the whole new module."""

    path: Path
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.path.name}: {self.before} => {self.after}"


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what could stand in the place of a node."""
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
            if value:
                yield ast.Constant(value / 2 if isinstance(value, float) else value - 1)
        case ast.Compare(left, [operator, *others], values):
            for swap in _SWAPS[type(operator)]:
                yield ast.Compare(left, [swap(), *others], values)  # type: ignore[list-item]
        case ast.BinOp(left, operator, right):
            for swap in _SWAPS.get(type(operator), ()):
                yield ast.BinOp(left, swap(), right)  # type: ignore[arg-type]
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(_SWAPS[type(operator)][0](), values)  # type: ignore[arg-type]
            yield from values
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.If(test, body, orelse) | ast.While(test, body, orelse):
            yield type(node)(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Name(id=name) if name in _NAMES:
            yield ast.Name(_NAMES[name], ast.Load())
        case ast.Assign() | ast.AugAssign() | ast.Raise():
            yield ast.Pass()
        case ast.Expr(value=value) if not isinstance(value, ast.Constant):
            yield ast.Pass()


def _places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Yield every child that is executed, with where it hangs."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "bases"}:
            continue
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for index, child in children:
            if isinstance(child, ast.AST):
                yield node, name, index, child
                yield from _places(child)


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file, in its order."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for parent, name, index, child in list(_places(tree)):
        for changed in _changes(child):
            siblings = getattr(parent, name)
            _put(parent, name, index, changed)
            ast.fix_missing_locations(tree)
            source = ast.unparse(tree)
            _put(parent, name, index, child)
            assert getattr(parent, name) is siblings or index is None
            before, after = (ast.unparse(each).splitlines()[0] for each in (child, changed))
            yield Mutant(path, getattr(child, "lineno", 0), before, after, source)


def _put(parent: ast.AST, name: str, index: int | None, child: ast.AST) -> None:
    if index is None:
        setattr(parent, name, child)
    else:
        getattr(parent, name)[index] = child


def load(mutant: Mutant) -> None:
    """Make the mutant the module that everyone imports."""
    for ours in [name for name in sys.modules if name.partition(".")[0] == "elizanet"]:
        del sys.modules[ours]
    name = ".".join(mutant.path.resolve().relative_to(SOURCE).with_suffix("").parts)
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = str(mutant.path)
    exec(compile(mutant.source, str(mutant.path), "exec"), vars(module))  # noqa: S102


def survives(mutant: Mutant | None, tests: list[str]) -> bool:
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
            code = int(pytest.main([*OPTIONS, *tests]))
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
    own = TESTS / f"test_{mutant.path.stem}.py"
    if own.exists() and not survives(mutant, [str(own)]):
        return None
    return mutant if survives(mutant, [str(TESTS)]) else None


def explained() -> dict[str, str]:
    """Return the mutants that make no difference, each with its reason."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines() if EQUIVALENT.exists() else []
    entries = [line.split("  # ") for line in lines if line and not line.startswith("#")]
    return {mutant.strip(): reason.strip() for mutant, reason in entries}


def main() -> int:
    """Judge every mutant of the files, and print those that live."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--least", type=float, default=95.0, help="per cent (default 95)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    given = parser.parse_args()
    files = given.files or sorted((SOURCE / "elizanet/policy").glob("*.py"))
    hypothesis.settings.register_profile("mutation", derandomize=True, database=None)
    hypothesis.settings.load_profile("mutation")
    if not survives(None, [str(TESTS)]):
        sys.exit(f"the tests of {TESTS.relative_to(ROOT)} fail as things are; run them first")
    mutants = [mutant for path in files for mutant in mutants_of(path)]
    known = explained()
    with multiprocessing.get_context("fork").Pool(given.jobs) as pool:
        living = [mutant for mutant in pool.imap(judge, mutants) if mutant is not None]
    unexplained = [mutant for mutant in living if str(mutant) not in known]
    for mutant in unexplained:
        print(
            f"{mutant.path.resolve().relative_to(ROOT)}:{mutant.line}: {mutant.before}  =>  {mutant.after}"
        )
    counted = len(mutants) - (len(living) - len(unexplained))
    score = 100 * (counted - len(unexplained)) / counted
    print(
        f"{len(mutants)} mutants, {len(living)} live, {len(living) - len(unexplained)} of them explained: {score:.1f} %"
    )
    return 0 if score >= given.least else 1


if __name__ == "__main__":
    sys.exit(main())
