"""Every key and item of a TOML document is found on the line where it stands.

The property test lets each number in a generated document *be* the line it is written on, so
the document says itself what the right answer is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.settings.toml import Path, locate


def test_tables_keys_and_items_have_lines() -> None:
    """An example of each form, read by eye."""
    lines = locate(
        """\
a = 1
[b]           # a table
c.d = 2
"e.f" = { g = 3, 'h' = [ 4, 5 ] }
[[i.j]]
k = [
  6,   # six ]

  { l = 7 },
]
[i.j.m]
n = 8
[[i.j]]
k = 9
""",
    )
    assert lines == {
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 3,
        ("b", "c", "d"): 3,
        ("b", "e.f"): 4,
        ("b", "e.f", "g"): 4,
        ("b", "e.f", "h"): 4,
        ("b", "e.f", "h", 0): 4,
        ("b", "e.f", "h", 1): 4,
        ("i",): 5,
        ("i", "j"): 5,
        ("i", "j", 0): 5,
        ("i", "j", 0, "k"): 6,
        ("i", "j", 0, "k", 0): 7,
        ("i", "j", 0, "k", 1): 9,
        ("i", "j", 0, "k", 1, "l"): 9,
        ("i", "j", 0, "m"): 11,
        ("i", "j", 0, "m", "n"): 12,
        ("i", "j", 1): 13,
        ("i", "j", 1, "k"): 14,
    }


@pytest.mark.parametrize(
    "value",
    [
        '"a # ] } = \\" [x]"',
        "'a \" # ]'",
        '""',
        "''",
        '"""\n[x]\ny = 1\n"""',
        '"""a "quoted" \\""" b"""""',
        "'''\n[x] ''' ",
        "'''it''s'''''",
        "1979-05-27 07:32:00 # a blank inside",
        "-1.5e3",
        "inf",
        "[[], [[ ]], {}]",
        "[ # comment ]\n 1, # , ]\n]",
        "{ a = '}', b = \"]\" }",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_follows_a_value_is_found_after_it(value: str, newline: str) -> None:
    """No value is taken for the beginning of something else."""
    text = f"first = {value}\nlast = 1\n".replace("\n", newline)
    tomllib.loads(text)
    assert locate(text)["last",] == text.count("\n")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a-b_1", "a-b_1"),
        ('"a.b"', "a.b"),
        ("'a\\n\"b'", 'a\\n"b'),
        (r'"tab\there \u00e9 \" \\"', 'tab\there é " \\'),
        ('""', ""),
        ("1.2", "1"),
    ],
)
def test_keys_are_read_as_tomllib_reads_them(key: str, name: str) -> None:
    """Quoted keys may hold dots, quotes and escapes."""
    for text in (f"{key} = 1", f"[ {key} ]\n", f"[[{key}]]\n"):
        assert list(tomllib.loads(text)) == [name]
        assert (name,) in locate(text)


def test_text_that_tomllib_never_accepted_is_refused() -> None:
    """It is not walked for ever."""
    with pytest.raises(ValueError, match="no key at line 2"):
        locate("a = 1\n= 2\n")


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Go through everything in a parsed document, tables and arrays included."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))


class Writer:
    """Writes a document in which each number is the line it stands on."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._names = 0
        self.text = ""

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1

    def pick(self, *options: str) -> str:
        return self._draw(st.sampled_from(options))

    def name(self) -> str:
        self._names += 1
        return self.pick(
            f"k{self._names}", f'"k {self._names}"', f"'k.{self._names}'", rf'"\t{self._names}"'
        )

    def key(self) -> None:
        self.text += self.pick("", " ") + self.name()
        self.text += self.pick("", f".{self.name()}", f" . {self.name()}") + self.pick("=", " = ")

    def blank(self) -> None:
        self.text += self.pick("", " ", "\n", "# [x] = {\n", "\n\n  ")

    def value(self, depth: int) -> None:
        kinds = ("number", "string", "lines") + ("array", "table") * (depth < 3)
        match self.pick(*kinds):
            case "string":
                self.text += self.pick('"# ] \\""', "'}\"'", "1979-05-27 07:32:00", "true")
            case "lines":
                self.text += self.pick('"""\n[x]\ny = 1\\""""""', "'''\n]\n'''''", '"""\n\n"""')
            case "array":
                self.array(depth + 1)
            case "table":
                self.table(depth + 1)
            case _:
                self.text += str(self.line)

    def array(self, depth: int) -> None:
        self.text += "["
        for _ in range(self._draw(st.integers(0, 3))):
            self.blank()
            self.value(depth)
            self.blank()
            self.text += ","
        self.blank()
        self.text += "]"

    def table(self, depth: int) -> None:
        self.text += "{"
        for index in range(self._draw(st.integers(0, 3))):
            self.text += "," * bool(index)
            self.key()
            self.value(depth)
        self.text += "}"

    def header(self, arrays: list[str]) -> None:
        match self.pick("table", "array", "again", "below"):
            case "array":
                arrays.append(self.name())
                self.text += f"[[{arrays[-1]}]]"
            case "again" if arrays:
                self.text += f"[[ {self.pick(*arrays)} ]]"
            case "below" if arrays:
                self.text += f"[{self.pick(*arrays)}.{self.name()}]"
            case _:
                self.text += f"[{self.name()}.{self.name()}]"

    def document(self) -> str:
        arrays: list[str] = []
        for _ in range(self._draw(st.integers(0, 12))):
            self.blank()
            if self.pick("header", "value", "value") == "header":
                self.header(arrays)
            else:
                self.key()
                self.value(0)
            self.text += self.pick("\n", " # ]\n")
        return self.text


@st.composite
def documents(draw: st.DrawFn) -> str:
    return Writer(draw).document()


@given(documents(), st.sampled_from(["\n", "\r\n"]))
def test_every_number_is_found_on_the_line_that_it_names(text: str, newline: str) -> None:
    """The paths are those of tomllib, no more and no fewer, and the lines are right."""
    text = text.replace("\n", newline)
    found = dict(leaves(tomllib.loads(text)))
    lines = locate(text)
    assert lines.keys() == found.keys()
    for path, value in found.items():
        if type(value) is int:
            assert lines[path] == value, path
