"""`[records]` and `[health]`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from elizanet.settings import HealthSettings, RecordSettings, Settings

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]


def test_what_is_kept_is_what_is_asked_for(load: Load) -> None:
    """Sizes may have a unit, days a fraction."""
    given = load('[records]\ncapture = "errors"\nkeep_days = 0.5\nmax_size = "512MiB"\n')
    assert given.records == RecordSettings("errors", 0.5, 512 * 2**20)
    assert load("[records]\nmax_size = 1048576").records.max_size == 2**20
    assert load("").records == RecordSettings()


def test_checks_may_be_off(load: Load) -> None:
    """0 is never."""
    assert load("[health]\ninterval = 0").health == HealthSettings(0)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('capture = "some"', 'records.capture is "some"; it must be "off", "errors" or "all"'),
        ("keep_days = 0", "records.keep_days is 0; it must be a number of days above 0"),
        ("keep_days = true", "records.keep_days is true; it must be"),
        ('max_size = "1KiB"', 'records.max_size is "1KiB"; it must be a size such as "20MiB"'),
        ("max_size = -1", "at least 1MiB"),
        ("keep = 3", "unknown key records.keep"),
    ],
)
def test_a_wrong_value_of_records_is_named(problems: Problems, line: str, said: str) -> None:
    """With what is allowed."""
    (problem,) = problems(f"[records]\n{line}\n")
    assert problem.startswith("elizanet.toml:2: ")
    assert said in problem


@pytest.mark.parametrize("value", ["-1", "true", '"30s"', "1e9"])
def test_a_wrong_interval_is_named(problems: Problems, value: str) -> None:
    """A number of seconds, at most a day."""
    (problem,) = problems(f"[health]\ninterval = {value}\n")
    assert problem.startswith("elizanet.toml:2: health.interval is ")
