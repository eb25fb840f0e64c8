"""One record, one line: for people and for machines."""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any

import pytest

from elizanet.logs import JsonFormatter, TextFormatter

KEY = "sk-proj-T3BlbkFJq7planted8Zx0wVuYsRn2mKd4"


def record(
    text: str, *args: object, level: int = logging.WARNING, **extra: Any
) -> logging.LogRecord:
    """Return a record as a logger makes it."""
    logger = logging.getLogger("elizanet.test")
    return logger.makeRecord("elizanet.test", level, __file__, 1, text, args, None, extra=extra)


def failed(text: str) -> logging.LogRecord:
    """Return a record with the traceback of an error."""
    made = record("it failed", level=logging.ERROR)
    try:
        raise ValueError(text)
    except ValueError:
        made.exc_info = sys.exc_info()
    return made


def test_a_line_for_people_says_when_how_bad_and_what() -> None:
    """In the form that it always had."""
    line = TextFormatter().format(record("[%s] m: %d ms", "req_1", 5))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING \[req_1\] m: 5 ms", line)


@pytest.mark.parametrize("said", ["a\nb", "a\r\nb", "a\x1b[2Jb", "a\x9bb", "a\x7fb"])
def test_no_text_begins_a_line_of_its_own(said: str) -> None:
    """A provider's words cannot pretend to be our log, nor steer a terminal."""
    line = TextFormatter().format(record("%s", said))
    assert "\n" not in line
    assert line.isprintable()
    assert json.loads(JsonFormatter().format(record("%s", said)))["message"] == said


def test_a_traceback_stands_below_its_line() -> None:
    """Its lines stay lines; for machines it is a field."""
    text = TextFormatter().format(failed("boom\x1b[2J"))
    first, *below = text.split("\n")
    assert first.endswith("ERROR it failed")
    assert below[0].startswith("Traceback")
    assert below[-1] == "ValueError: boom\\x1b[2J"
    line = JsonFormatter().format(failed("boom"))
    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ValueError: boom")


def test_colour_is_for_terminals() -> None:
    """And only on the level, so that lines can be searched."""
    coloured = TextFormatter(colour=True).format(record("said"))
    assert coloured.endswith("\033[33mWARNING\033[0m said")
    assert "\033" not in TextFormatter(colour=True).format(record("said", level=logging.INFO))


def test_a_line_for_machines_has_the_fields_beside_the_text() -> None:
    """Time in UTC, level and logger first, then whatever was passed as `extra`."""
    made = record("said %s", "it", call_id="req_1", attempt=2, status=None, seconds=0.5)
    made.created = 1_795_392_000.25
    assert list(json.loads(JsonFormatter().format(made)).items()) == [
        ("time", "2026-11-23T00:00:00.250Z"),
        ("level", "warning"),
        ("logger", "elizanet.test"),
        ("message", "said it"),
        ("call_id", "req_1"),
        ("attempt", 2),
        ("status", None),
        ("seconds", 0.5),
    ]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"a": (1, {2: "b"})}, {"a": [1, {"2": "b"}]}),
        (b"x", "b'x'"),
        (ValueError("v"), "v"),
        (float("nan"), None),
        ("größe", "größe"),
    ],
)
def test_whatever_is_in_a_field_can_be_written(given: object, read: object) -> None:
    """Applications pass what they like."""
    assert json.loads(JsonFormatter().format(record("said", field=given)))["field"] == read


def test_half_a_character_costs_no_line() -> None:
    """Callers send such names, and UTF-8 cannot write them."""
    line = JsonFormatter().format(record("said %s", "\ud800", model="\ud800"))
    line.encode()
    assert json.loads(line)["model"] == "\ud800"


@pytest.mark.parametrize(
    "said",
    [
        KEY,
        f"api_key={KEY}",
        f"Authorization: Bearer {KEY}",
        f"https://user:{KEY}@host/v1",
        f"x\n{KEY}",
    ],
)
def test_a_key_is_masked_wherever_it_stands(said: str) -> None:
    """In the text, in its arguments, in fields, in what fields hold, in tracebacks."""
    made = [
        record(said),
        record("%s", said),
        record("said", field=said),
        record("said", field=[{"deep": said}]),
        record("said", field=ValueError(said)),
        failed(said),
    ]
    for formatter in (TextFormatter(), JsonFormatter()):
        for each in made:
            assert KEY not in formatter.format(each)


def test_addresses_are_for_operators() -> None:
    """They have to read which host it was: only the key in it is masked."""
    line = TextFormatter().format(record("connecting to http://10.0.0.7:8000/v1 failed"))
    assert line.endswith("connecting to http://10.0.0.7:8000/v1 failed")
