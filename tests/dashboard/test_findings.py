"""What the records say of troubles, and of a range of time."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from elizanet.gateway.dashboard.history import History, Recall
from elizanet.gateway.dashboard.providers import provider_views
from elizanet.gateway.dashboard.situation import Fates
from elizanet.records.model import ChangeRecord
from support.boards import lane, settings
from support.troubles import HOSTS, NOW, Found, call, change, reader_of


def test_without_trouble_the_last_quarter_of_an_hour_counts(found: Found) -> None:
    """Older calls do not."""
    findings = found(call(1000, by="openai"), call(100, by="openai"), call(100, by="openai"))
    assert (findings.impact.fates, findings.chapters) == (Fates(2), {})


def test_a_breaker_that_opens_again_is_one_trouble(found: Found) -> None:
    """It began when it opened first, unless it was well for two minutes in between."""
    findings = found(
        change(3000, "open"), change(2000, "closed"),
        change(1000, "open"), change(970, "half_open"), change(965, "open"), change(900, "closed"),
        change(790, "open"),
    )  # fmt: skip
    chapter = findings.chapters["openai"]
    assert (chapter.since, chapter.until, chapter.state) == (NOW - 1000, NOW, "open")


def test_a_trouble_that_is_over_says_nothing_of_one_that_goes_on(found: Found) -> None:
    """Calls are counted since that began; afterwards, since the first of both did."""
    findings = found(
        change(700, "open"), change(600, "closed"), change(130, "open", subject="groq"),
        *(call(ago, by="groq") for ago in range(200, 700)), *(call(61, "timeout", by=None),) * 1,
    )  # fmt: skip
    assert findings.impact.fates == Fates(1, lost=1)
    assert findings.impact_of_all.fates == Fates(501, lost=1)


def test_attempts_of_the_last_minute_are_not_settled(found: Found) -> None:
    """Some of them were made after the trouble, and answered."""
    findings = found(
        change(600, "open"), change(290, "closed"), call(280, by="openai"), call(310, "timeout")
    )
    assert findings.chapters["openai"].asked["openai"].attempts == 2
    assert findings.chapters["openai"].settled["openai"].failures == {"timeout": 1}


def test_attempts_of_the_first_minute_are_not_settled(found: Found) -> None:
    """Some of them were made before the trouble."""
    began = 1790.0  # ten seconds into a minute
    findings = found(
        change(began, "open"), call(began + 5, by="openai"), call(began - 5, "timeout"),
        *(call(began - 60, "timeout") for _ in range(12)),
    )  # fmt: skip
    chapter = findings.chapters["openai"]
    assert chapter.asked["openai"].attempts == 14
    assert chapter.settled["openai"].attempts == 12
    asked = chapter.asked_of(["openai"])
    assert (asked.attempts, asked.failures) == (12, {"timeout": 12})


@pytest.mark.parametrize(
    ("ago", "seconds", "is_told"), [(300, 20, False), (300, 40, True), (10, 20, True)]
)
def test_a_short_rate_limit_is_told_of_only_while_it_lasts(
    found: Found, ago: float, seconds: float, is_told: bool
) -> None:
    """A long one afterwards, too."""
    findings = found(change(ago, f"shut for {seconds} s", "gate"))
    assert ("openai" in findings.chapters) is is_told


def test_a_breaker_that_was_open_is_told_of_for_a_quarter_of_an_hour(found: Found) -> None:
    """However short that was."""
    assert "openai" in found(change(805, "open"), change(800, "closed")).chapters


def test_what_was_long_ago_is_no_news(found: Found) -> None:
    """Nor what an operator did."""
    held = change(600, "open", reason="an operator decided")
    findings = found(change(2000, "open"), change(901, "closed"), held, change(500, "closed"))
    assert findings.chapters == {}


def test_the_page_stays_small_whatever_happens(tmp_path: Path) -> None:
    """Every provider flaps all day, for a long reason, and has more models than anybody reads."""
    hosts = tuple(f"provider-{n}" for n in range(10))
    flapping = [
        ChangeRecord(
            at=NOW - 80_000 + 80 * n, run="r", subject=hosts[n % 10], what="breaker",
            state=("open", "half_open")[n // 10 % 2], reason="no answer " * 40,
        )
        for n in range(999)
    ]  # fmt: skip
    calls = [call(n * 80.0, "timeout", model=f"model-{n % 50}") for n in range(1000)]
    reader = reader_of(tmp_path, *flapping, *calls)
    history = Recall("24h", hosts, "r")(reader, NOW)
    assert all(0 < len(spans) <= 30 for spans in history.timelines.values())
    lanes = [lane("open", f"model-{n}", host) for n in range(50) for host in hosts]
    shown = provider_views(settings(*((host, host) for host in hosts)), lanes, {})
    assert len(msgspec.json.encode(history)) + len(msgspec.json.encode(shown)) < 100_000


def test_a_range_tells_the_most_affected_first(tmp_path: Path) -> None:
    """Lost calls weigh more than fallbacks, these more than calls."""
    reader = reader_of(
        tmp_path,
        *(call(60, by="openai", model="busy") for _ in range(9)),
        *(call(60, "timeout", model="slow") for _ in range(3)),
        call(60, "timeout", by=None, model="down"), call(60, "auth", model="slow"),
    )  # fmt: skip
    history: History = Recall("1h", HOSTS, "r")(reader, NOW)
    assert [row.key[0] for row in history.models] == ["down", "slow", "busy"]
    assert {name: sum(each) for name, each in history.by_reason.items()} == {
        "timeout": 3,
        "auth": 1,
    }
    assert {name: sum(each) for name, each in history.by_target.items()} == {
        "openai/busy": 9, "groq/slow": 4, "": 1,
    }  # fmt: skip
    assert history.asked["openai"].failures == {"timeout": 4, "auth": 1}
