"""Moments and figures, as people type and read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from elizanet.cli import figures
from elizanet.cli.since import duration, moment

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604_800), ("2w", 1_209_600),
     ("1h30m", 5400), ("1.5h", 5400), (" 15M ", 900)],
)  # fmt: skip
def test_so_long_ago_is_a_moment(text: str, seconds: float) -> None:
    """With one unit or several."""
    assert moment(text, NOW) == NOW - seconds


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-11-20T08:30:00Z", "2026-11-20T08:30:00+00:00"),
        ("2026-11-20T08:30+02:00", "2026-11-20T06:30:00+00:00"),
        ("2026-11-20", None),
        ("2026-11-20 08:30", None),
    ],
)
def test_a_date_is_a_moment(text: str, iso: str | None) -> None:
    """Of ISO 8601; without a zone it is local time."""
    meant = datetime.fromisoformat(iso or text)
    assert moment(text, NOW) == meant.timestamp()


@pytest.mark.parametrize("text", ["", "h", "1", "1y", "-1h", "1h ago", "yesterday", "1h1", "٣h"])
def test_anything_else_is_no_moment(text: str) -> None:
    """It is not guessed at."""
    assert duration(text) is None
    with pytest.raises(ValueError, match="isoformat"):
        moment(text, NOW)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0, "<0.1 ms"), (0.00031, "0.3 ms"), (0.0099, "9.9 ms"), (0.02345, "23 ms"),
     (0.812, "812 ms"), (1.934, "1.93 s"), (59.94, "59.9 s"), (59.96, "60 s"), (75, "75 s"),
     (3600, "3600 s"), (9999.6, "2.78 h"), (1e6, "278 h")],
)  # fmt: skip
def test_times_have_three_digits_or_so(seconds: float, told: str) -> None:
    """From fractions of a millisecond to hours."""
    assert figures.seconds(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (3599.7, "1 h"), (86_400, "24 h"),
     (90_060, "25 h 1 min"), (172_800, "2 d"), (180_000, "2 d 2 h")],
)  # fmt: skip
def test_spans_are_told_in_two_units(seconds: float, told: str) -> None:
    """The second one only where it is not nothing."""
    assert figures.span(seconds) == told


@pytest.mark.parametrize(
    ("cost", "told"),
    [(None, ""), (0.0, "$0.0000"), (1e-9, "<$0.000001"), (0.000072, "$0.000072"),
     (0.0015, "$0.0015"), (0.01234, "$0.0123"), (1.5, "$1.50"), (12345.678, "$12,345.68"),
     (-0.00012, "-$0.00012")],
)  # fmt: skip
def test_costs_keep_the_digits_that_mean_something(cost: float | None, told: str) -> None:
    """A call costs fractions of a cent, a month thousands of dollars."""
    assert figures.dollars(cost) == told


def test_tokens_and_shares_are_short() -> None:
    """Nearly all is not all."""
    assert figures.tokens(1204, 310) == "1,204+310"
    assert figures.tokens(22, None, estimated=True) == "~22+0"
    assert figures.tokens(None, None) == ""
    assert figures.tokens(12_345, 2_500_000) == "12.3k+2.50M"
    assert [figures.share(part, 100_000) for part in (0, 1, 99_999, 100_000)] == [
        "0 %", "0.1 %", "99.9 %", "100 %",
    ]  # fmt: skip
    assert figures.share(0, 0) == ""
