"""What depends on the terminal: control characters, colour, the late bar."""

from __future__ import annotations

import io
from typing import TextIO

import pytest

from elizanet.cli.bar import PATIENCE_S, LateBar
from elizanet.cli.terminal import colour, console, is_terminal, printable


class Terminal(io.StringIO):
    """A stream that a person watches."""

    def isatty(self) -> bool:
        return True


def test_a_text_cannot_steer_the_terminal() -> None:
    """Line ends, tabs and every written language stay."""
    assert printable("a\x1b]0;title\x07\x9b2J\x7fb") == "a�]0;title��2J�b"
    assert printable("línea 1\r\n\tعربى 👩‍🚀") == "línea 1\n\tعربى 👩‍🚀"


@pytest.mark.parametrize(
    ("stream", "term", "expected"),
    [(None, "xterm", False), (io.StringIO(), "xterm", False), (Terminal(), "dumb", False),
     (Terminal(), "xterm", True)],
)  # fmt: skip
def test_a_terminal_is_one_that_can_move_its_cursor(
    stream: TextIO | None, term: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dumb one gets the plain lines of a pipe."""
    monkeypatch.setenv("TERM", term)
    assert is_terminal(stream) is expected


@pytest.mark.parametrize(("value", "expected"), [("1", False), ("", None), (None, None)])
def test_no_color_takes_all_styles_away(
    value: str | None, expected: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As no-color.org has it: set, and not empty."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if value is not None:
        monkeypatch.setenv("NO_COLOR", value)
    assert colour() is expected
    assert (console().color_system is None) == (expected is False)


def test_the_bar_is_late(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing before two seconds, then a bar, then nothing again."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    now = [100.0]
    with LateBar(Terminal(), "counting", 10, clock=lambda: now[0]) as bar:
        now[0] += PATIENCE_S
        bar.update(3)
        assert repr(bar) == "<LateBar 'counting' not shown>"
        assert capsys.readouterr().err == ""
        now[0] += 1.4
        bar.update(4)
        assert repr(bar) == "<LateBar 'counting' shown>"
        bar.close()
        assert "counting (3 s)" in capsys.readouterr().err
        bar.update(5)
        assert repr(bar) == "<LateBar 'counting' not shown>"
    assert capsys.readouterr().err == ""


def test_a_bar_off_a_terminal_never_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """A log file is no place for a bar."""
    now = [0.0]
    with LateBar(io.StringIO(), "counting", clock=lambda: now[0]) as bar:
        now[0] += 60
        bar.update(3)
        assert repr(bar) == "<LateBar 'counting' not shown>"
    assert capsys.readouterr().err == ""
