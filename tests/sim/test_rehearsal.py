"""Rehearsals: what is seen is what the operator's own settings do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from elizanet.settings import (
    HookSettings,
    Price,
    ProviderSettings,
    RetrySettings,
    RouteSettings,
    Secret,
    Settings,
    StreamSettings,
    TargetSettings,
    Timeouts,
)
from elizanet.testing.simulation import (
    ALONE,
    OUTAGES,
    VARIATIONS,
    Outage,
    Performance,
    Rehearsal,
)

ALL, *_, NONE, ALONE_ROW = VARIATIONS
SHORT = replace(OUTAGES["primary-down"], seconds=120.0)
ERRORS = replace(SHORT, fault="error_500")
HANG = replace(OUTAGES["primary-hangs"], seconds=120.0)


def settings(*targets: TargetSettings, **more: object) -> Settings:
    names = dict.fromkeys(target.provider for target in targets)
    providers = {
        name: ProviderSettings(name, f"https://{name}.example/v1", (Secret(f"key-of-{name}"),))
        for name in names
    }
    return Settings(providers=providers, routes=(RouteSettings("m", targets),), **more)  # type: ignore[arg-type]


TWO = (TargetSettings("first", "m"), TargetSettings("second", "m"))


def played(given: Settings, outage: Outage = SHORT, **options: object) -> Performance:
    rehearsal = Rehearsal(given, given.routes[0], **options)  # type: ignore[arg-type]
    return rehearsal.play(outage, ALL)


def test_a_chain_answers_what_its_first_choice_does_not() -> None:
    """And alone the first choice answers only before and after its outage."""
    given = settings(*TWO)
    rehearsal = Rehearsal(given, given.routes[0])
    assert rehearsal.play(SHORT, ALL).success == 1.0
    alone = rehearsal.play(SHORT, ALONE_ROW)
    assert alone.variation.name == ALONE
    assert 0.5 < alone.success < 0.8
    during = alone.timeline[len(alone.timeline) // 2]
    assert (alone.timeline[0], during, alone.timeline[-1]) == (1.0, 0.0, 1.0)


def test_every_variation_sees_the_same_calls() -> None:
    """So their rows can be compared."""
    given = settings(*TWO)
    rehearsal = Rehearsal(given, given.routes[0])
    assert len({rehearsal.play(SHORT, variation).calls for variation in VARIATIONS}) == 1


def test_a_rehearsal_repeats_itself() -> None:
    """The same seed gives the same figures, another seed others."""
    given = settings(*TWO)
    one, again, other = (played(given, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.waits != other.waits


def test_fallback_that_is_switched_off_stays_off() -> None:
    """The settings decide, not the rehearsal."""
    assert played(settings(*TWO, fallback_enabled=False)).success < 0.8


def test_time_outs_are_those_of_the_settings() -> None:
    """A unary call waits for a silent provider as long as it was told to."""
    patient = played(settings(*TWO, timeouts=Timeouts(attempt=40)), HANG, stream=False)
    hasty = played(settings(*TWO, timeouts=Timeouts(attempt=8)), HANG, stream=False)
    assert 40 < patient.wait(0.99) < 50
    assert hasty.wait(0.99) < 16


def test_retries_are_those_of_the_settings() -> None:
    """Without a repetition at the same provider there are fewer attempts."""
    (bare,) = (variation for variation in VARIATIONS if variation.lacks == "breaker")
    again, never = (
        Rehearsal(given, given.routes[0]).play(SHORT, bare)
        for given in (settings(*TWO), settings(*TWO, retry=RetrySettings(same_provider=0)))
    )
    assert never.attempts < again.attempts
    assert never.success == again.success == 1.0


def test_an_answer_that_is_folded_notices_silence() -> None:
    """`fold_unary` asks for a stream, and its silence is noticed at its first content."""
    folded = settings(*TWO, stream=StreamSettings(fold_unary=True))
    assert played(folded, HANG, stream=False).wait(0.99) < 10
    whole = played(settings(*TWO), HANG, stream=False)
    assert whole.wait(0.99) > 100


def test_tiers_and_weights_are_those_of_the_settings() -> None:
    """Two targets that share the load each see a part of the outage's calls."""
    equal = settings(replace(TWO[0], tier=1), replace(TWO[1], tier=1))
    shared, ordered = played(equal), played(settings(*TWO))
    assert shared.success == ordered.success == 1.0
    assert shared.waits != ordered.waits


def test_the_operators_hooks_judge_the_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule that calls every failure the caller's fault lets calls fail."""
    rule = "def classify(failure):\n    return 'bad_request'\n"
    (tmp_path / "rehearsed_rules.py").write_text(rule)
    monkeypatch.syspath_prepend(str(tmp_path))
    given = settings(*TWO, hooks=HookSettings(classify="rehearsed_rules:classify"))
    assert played(given, ERRORS).success < 0.8


def test_cost_counts_dollars_where_every_target_has_a_price() -> None:
    """A fallback that is dearer costs more; without prices tokens are counted."""
    priced = settings(
        replace(TWO[0], price=Price(1.0, 2.0)), replace(TWO[1], price=Price(3.0, 6.0))
    )
    rehearsal = Rehearsal(priced, priced.routes[0])
    dollars = rehearsal.play(SHORT, ALL).amplification
    tokens = played(settings(*TWO)).amplification
    assert rehearsal.in_dollars
    assert dollars is not None
    assert tokens is not None
    assert 1.5 < dollars < 2.5
    assert 1.0 <= tokens < 1.05
    half = settings(replace(TWO[0], price=Price(1.0, 2.0)), TWO[1])
    assert not Rehearsal(half, half.routes[0]).in_dollars


def test_providers_with_one_address_fail_together() -> None:
    """An outage is at an address, not at a name."""
    given = settings(*TWO)
    same = {
        name: replace(p, base_url="https://one.example/v1") for name, p in given.providers.items()
    }
    assert played(replace(given, providers=same)).success < 0.9


@pytest.mark.parametrize("name", OUTAGES)
def test_every_outage_hurts_and_ends(name: str) -> None:
    """Before it and at its end all is well, and the chain does no worse than its first choice."""
    given = settings(*TWO)
    rehearsal = Rehearsal(given, given.routes[0], rate=1.0)
    best, alone = (rehearsal.play(OUTAGES[name], variation) for variation in (ALL, ALONE_ROW))
    assert best.timeline[0] == best.timeline[-1] == 1.0
    assert best.success >= alone.success - 0.02
    assert best.attempts <= alone.attempts + 0.1


def test_several_keys_are_several_targets() -> None:
    """A key that is refused is left alone, and the other one serves."""
    given = settings(TWO[0])
    two_keys = replace(given.providers["first"], api_keys=(Secret("one-key"), Secret("two-keys")))
    given = replace(given, providers={"first": two_keys})
    one_key = replace(SHORT, fault="auth", key="key 1")
    assert played(given, one_key).success > 0.99


def test_a_chain_of_one_gets_through_what_its_provider_gets_through() -> None:
    """There is nobody else, and no protection makes it worse."""
    given = settings(TWO[0])
    rehearsal = Rehearsal(given, given.routes[0])
    best, none = (rehearsal.play(SHORT, variation) for variation in (ALL, NONE))
    assert best.success >= none.success - 0.03
