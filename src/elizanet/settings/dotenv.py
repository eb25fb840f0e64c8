r"""The lines of a `.env` file.

    NAME=value            # up to a blank and a hash; blanks around the value are dropped
    export NAME='value'   # as it stands, over several lines if need be
    NAME="value"          # the same with the escapes \n \r \t \" \$ \\

Nothing is expanded: `$NAME` stays as it is. A `.env` belongs to other programs too, so a
line of another form is passed over with a warning; a quote without its end is a problem.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from elizanet.settings.report import Report

_NAME: Final = r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*="
_END: Final = r"[ \t]*(?:\#[^\n]*)?(?:\n|\Z)"
_STATEMENT: Final = re.compile(
    rf"""{_NAME}(?:
        [ \t]*"(?P<double>(?:[^"\\]|\\.)*)"{_END} |
        [ \t]*'(?P<single>[^']*)'{_END} |
        (?P<plain>(?![ \t]*["'])[^\n]*)(?:\n|\Z)
    ) | (?P<other>[^\n]*(?:\n|\Z))""",
    re.VERBOSE | re.DOTALL,
)
_QUOTE: Final = re.compile(rf"{_NAME}[ \t]*[\"']", re.VERBOSE)
_EMPTY: Final = re.compile(r"\s*(?:#.*)?", re.DOTALL)
_COMMENT: Final = re.compile(r"(?:^|(?<=[ \t]))#.*", re.DOTALL)
_ESCAPE: Final = re.compile(r'\\([nrt"$\\])')
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t"}


class Variable(NamedTuple):
    """A value and the number of the line it begins on."""

    value: str
    line: int


def parse(text: str, name: str, report: Report) -> dict[str, Variable]:
    """Return the variables of the file `name`; of two lines for one, the later one counts."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    variables: dict[str, Variable] = {}
    line = 1
    for statement in _STATEMENT.finditer(text):
        if (other := statement["other"]) is None:
            variables[statement["name"]] = Variable(_value(statement), line)
        else:
            _tell_odd_line(other, f"{name}:{line}", report)
        line += statement[0].count("\n")
    return variables


def _value(assignment: re.Match[str]) -> str:
    if (double := assignment["double"]) is not None:
        return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), double)
    if (single := assignment["single"]) is not None:
        return single
    return _COMMENT.sub("", assignment["plain"]).strip()


def _tell_odd_line(line: str, place: str, report: Report) -> None:
    if _QUOTE.match(line):
        report.problem(f"{place}: the quoted value has no end, or something follows its end")
    elif not _EMPTY.fullmatch(line):
        report.warn(f"{place}: this line is not NAME=value and is passed over")
