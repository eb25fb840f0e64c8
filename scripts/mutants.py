"""Every small change of a module that a test should notice; used by `mutate.py`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,), ast.Pow: (ast.Mult,),
    ast.Mod: (ast.Mult,), ast.And: (ast.Or,), ast.Or: (ast.And,),
}  # fmt: skip
_NAMES = {"min": "max", "max": "min"}
_NEVER_RUN = frozenset({"annotation", "returns", "decorator_list", "bases"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where, what stood there, what stands there now, and the whole new module."""

    path: Path
    line: int
    text: str
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.path.name}: {self.text} [{self.before} => {self.after}]"


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file, in its order."""
    original = path.read_text(encoding="utf-8")
    tree, lines = ast.parse(original), original.splitlines()
    for parent, name, index, node in list(_places(tree)):
        for changed in (*_other_values(node), *_other_operators(node), *_other_flow(node)):
            _put(parent, name, index, changed)
            source = ast.unparse(ast.fix_missing_locations(tree))
            _put(parent, name, index, node)
            before, after = (ast.unparse(each).splitlines()[0] for each in (node, changed))
            line = getattr(node, "lineno", 1)
            yield Mutant(path, line, lines[line - 1].strip(), before, after, source)


def _places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Yield every part of a node that runs, and where it hangs: parent, field, index."""
    for name, value in ast.iter_fields(node):
        if name in _NEVER_RUN:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST):
                yield node, name, index, child
                yield from _places(child)


def _put(parent: ast.AST, name: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[index] = node


def _other_values(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Constant(value=float(value)):
            yield ast.Constant(value + 1)
            if value:
                yield ast.Constant(value / 2)
        case ast.Name(id=name) if name in _NAMES:
            yield ast.Name(_NAMES[name], ast.Load())
        case ast.IfExp(test, body, otherwise):
            yield ast.IfExp(test, otherwise, body)


def _other_operators(node: ast.AST) -> Iterator[ast.AST]:
    match node:
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


def _other_flow(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.If(test, body, otherwise) | ast.While(test, body, otherwise):
            yield type(node)(ast.UnaryOp(ast.Not(), test), body, otherwise)
        case ast.Assign(targets=[ast.Name(id="__slots__")]):
            return  # without it, everything works as before
        case ast.Assign() | ast.AugAssign() | ast.Raise():
            yield ast.Pass()
        case ast.Expr(value=value) if not isinstance(value, ast.Constant):
            yield ast.Pass()
