"""The list of faults as text, for people."""

from __future__ import annotations

from collections.abc import Iterator

from elizanet.testing.fault_catalogue import COMMON, GROUPS
from elizanet.testing.fault_kind import FaultKind, Scope
from elizanet.testing.fault_values import Parameter

NAME_WIDTH = 22


def fault_list() -> str:
    """Every fault with its argument and options, by group."""
    lines = ["NAME[=ARGUMENT][,option=value...]; a value with commas stands in quotes; [default]."]
    for title, kinds in GROUPS.items():
        lines += ["", f"{title[0].upper()}{title[1:]}:"]
        shared = None
        for kind in kinds:
            lines += _about(kind, with_options=kind.options != shared)
            shared = kind.options
    lines += ["", "Options of all but refuse:", *map(_option, COMMON)]
    return "\n".join(lines)


def _about(kind: FaultKind, *, with_options: bool) -> Iterator[str]:
    argument = kind.argument
    name = kind.name if argument is None else f"{kind.name}[={_placeholder(argument)}]"
    scope = "" if kind.scope is Scope.ALL else f" ({kind.scope})"
    yield f"  {name:{NAME_WIDTH}} {kind.help}{scope}"
    if argument is not None:
        yield f"    {'':{NAME_WIDTH - 2}} {argument.help}{_default(argument)}"
    if with_options:
        yield from map(_option, kind.options)


def _option(parameter: Parameter) -> str:
    name = f",{parameter.name}"
    if parameter.bare is None:
        name += f"={_placeholder(parameter)}"
    return f"    {name:{NAME_WIDTH - 2}} {parameter.help}{_default(parameter)}"


def _placeholder(parameter: Parameter) -> str:
    return {int: "N", float: "X"}.get(type(parameter.default), "...")


def _default(parameter: Parameter) -> str:
    unset = parameter.default is None or isinstance(parameter.default, bool)
    return "" if unset else f" [{parameter.default}]"
