"""What the lines of a `.env` mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.errors import ConfigurationError
from elizanet.settings.dotenv import parse
from elizanet.settings.report import Report


def values(text: str) -> dict[str, str]:
    report = Report()
    parsed = {name: variable.value for name, variable in parse(text, ".env", report).items()}
    report.raise_problems()
    return parsed


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=value", "value"),
        ("export NAME=value", "value"),
        ("  export\tNAME =  two words  ", "two words"),
        ("NAME=", ""),
        ("NAME=   # nothing but a comment", ""),
        ("NAME=#value", ""),
        ("NAME=value # comment", "value"),
        ("NAME=value#kept", "value#kept"),
        ("NAME=a=b==", "a=b=="),
        ("NAME=it's", "it's"),
        ("NAME=$OTHER", "$OTHER"),
        ('NAME="value"', "value"),
        ('NAME="a # b" # comment', "a # b"),
        (r'NAME="a\nb\tc\"d\\n\$"', 'a\nb\tc"d\\n$'),
        (r'NAME="a\qb"', r"a\qb"),
        ('NAME=""', ""),
        ('NAME="two\nlines"', "two\nlines"),
        ("NAME='value'", "value"),
        (r"NAME='a\nb'", r"a\nb"),
        ("NAME='a\"b # c'", 'a"b # c'),
        ("NAME='two\nlines'", "two\nlines"),
        ("\ufeffNAME=value\r\n", "value"),
        ("NAME=first\nNAME=second", "second"),
    ],
)
def test_a_line_means(line: str, value: str) -> None:
    """Each form gives the value that a shell or docker would."""
    assert values(line) == {"NAME": value}


def test_lines_are_counted_through_values_of_several_lines() -> None:
    """A sentence about a value names the line on which it begins."""
    parsed = parse('# one\nA="x\ny\nz"\n\nB=1\n', ".env", Report())
    assert {name: variable.line for name, variable in parsed.items()} == {"A": 2, "B": 6}


def test_a_line_of_another_form_is_passed_over_with_a_warning() -> None:
    """The file belongs to other programs too, and its text may be a key."""
    report = Report()
    assert list(parse("A=1\nplanted-key-without-a-name\n\n# fine\n  \nB=2", ".env", report)) == [
        "A",
        "B",
    ]
    assert report.warnings == (".env:2: this line is not NAME=value and is passed over",)


@pytest.mark.parametrize("text", ["A='no end\nB=1", 'A="no end\nB=1', "A='x' y", 'A="x\\"\nB=1'])
def test_a_quote_without_its_end_is_a_problem(text: str) -> None:
    """What follows it would be guesswork; the value is not shown."""
    with pytest.raises(ConfigurationError) as raised:
        values(text)
    assert raised.value.problems == (
        ".env:1: the quoted value has no end, or something follows its end",
    )


@given(st.text(alphabet=st.sampled_from("AB=\"'\\# \n\tnexport$1")))
def test_no_text_breaks_it(text: str) -> None:
    """Whatever stands in the file: values, warnings, or a problem."""
    report = Report()
    parse(text, ".env", report)
    try:
        report.raise_problems()
    except ConfigurationError as error:
        problems = error.problems
    else:
        problems = ()
    assert all(sentence.startswith(".env:") for sentence in (*problems, *report.warnings))


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_double_quotes_carry_any_text(value: str) -> None:
    """Escaped as documented, every value comes back."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r")
    assert values(f'NAME="{escaped}"') == {"NAME": value}
