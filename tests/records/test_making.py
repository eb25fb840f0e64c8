"""Records of events: who answered, why the call was moved, what it cost, what may be stored."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from elizanet.call import Role, Usage
from elizanet.capture import MAX_CAPTURED_BYTES
from elizanet.errors import FailureClass, Skipped
from elizanet.prices import price_of
from elizanet.records.known import Known
from elizanet.records.making import MOST_TOKENS, make_call, make_change
from elizanet.records.model import CallRecord
from elizanet.records.opening import open_reader
from elizanet.records.reading import Which
from elizanet.records.wording import NAME_CHARACTERS, captured_text, name, sentence
from elizanet.settings import (
    CallerSettings,
    GatewaySettings,
    Price,
    ProviderSettings,
    RouteSettings,
    Secret,
    Settings,
    TargetSettings,
)
from elizanet.telemetry import CallEnded, Capture, HealthChanged, Outcome
from support.ended import USAGE, attempt, ended
from support.recorded import call_id, captured, record, recorder

PRICES = Settings(
    providers={},
    routes=(
        RouteSettings(
            "gpt-*",
            (
                TargetSettings("openai", "*", price=Price(1.0, 10.0)),
                TargetSettings("elizanet", "gpt-4o", price=Price(2.0, 20.0)),
                TargetSettings("free", "*"),
            ),
        ),
    ),
)
# USAGE is 100 and 20 tokens
AT_OPENAI, AT_ELIZANET = 0.0003, 0.0006
KEYS = (
    "sk-proj-abcdefghij0123456789ABCDEFGHIJ",
    "gsk_abcdefghij0123456789ABCDEFGHIJ",
    "AIzaSyA0123456789abcdefghijklmnopqrstu",
)


def made(event: CallEnded) -> CallRecord:
    return make_call(event, 1000.0, "run_1", Known(price_of(PRICES)))


def failing(provider: str = "openai", **changes: object) -> object:
    return attempt(provider, FailureClass.OVERLOADED, **changes)


def test_the_first_choice_costs_nothing_extra() -> None:
    """Its own price for its own tokens, by the price of `provider/*`."""
    call = made(ended(attempt("openai")))
    assert call.cost == pytest.approx(AT_OPENAI)
    assert call.extra_cost == pytest.approx(0.0)
    assert (call.provider, call.provider_model, call.fallback_reason) == ("openai", "gpt-4o", None)


def test_a_fallback_costs_the_difference_and_what_failed() -> None:
    """The answer's tokens at the first target, against all that was paid."""
    first = attempt("openai", FailureClass.STREAM_INTERRUPTED, usage=Usage(100, 0, 100))
    second = attempt("elizanet", number=2, role=Role.NEXT)
    call = made(ended(first, second))
    assert call.cost == pytest.approx(AT_ELIZANET + 0.0001)
    assert call.extra_cost == pytest.approx(AT_ELIZANET + 0.0001 - AT_OPENAI)
    assert call.fallback_reason == "stream_interrupted"
    assert [one.cost for one in call.attempts] == pytest.approx([0.0001, AT_ELIZANET])


def test_a_hedge_that_lost_costs_what_it_used() -> None:
    """The first choice answered, and somebody else was paid, too."""
    hedge = attempt("elizanet", FailureClass.CANCELLED, number=2, role=Role.HEDGE, usage=USAGE)
    call = made(ended(attempt("openai"), hedge))
    assert call.hedged
    assert call.extra_cost == pytest.approx(AT_ELIZANET)
    assert call.fallback_reason is None


def test_a_call_without_an_answer_costs_what_its_attempts_used() -> None:
    """All of that is more than nothing."""
    broken = attempt("openai", FailureClass.TIMEOUT, usage=USAGE)
    call = made(ended(broken, outcome=Outcome.FAILED, failure_class=FailureClass.TIMEOUT))
    assert call.cost == call.extra_cost == pytest.approx(AT_OPENAI)
    assert (call.provider, call.failure_class) == (None, "timeout")


def test_without_a_price_or_a_count_there_is_no_cost() -> None:
    """None, not nothing; what is known is added up all the same."""
    assert made(ended(attempt("free"))).cost is None
    assert made(ended(attempt("openai", usage=None))).cost is None
    assert make_call(ended(attempt("openai")), 0.0, "r", Known()).extra_cost is None
    mixed = made(ended(attempt("free", FailureClass.TIMEOUT, usage=USAGE), attempt("openai")))
    assert mixed.cost == pytest.approx(AT_OPENAI)
    assert mixed.extra_cost is None  # nobody knows what the first choice would have cost


def test_a_first_choice_that_was_passed_over_is_the_reason() -> None:
    """It was not asked, and somebody else answered."""
    skipped = Skipped("openai", "gpt-4o", "rate_limited", float("inf"), "until noon")
    call = made(
        ended(
            attempt("elizanet"), passed_over=(skipped,), first_choice=skipped,
            targets=("openai/*", "elizanet/*"),
        )
    )  # fmt: skip
    assert call.fallback_reason == "rate_limit"
    assert call.passed_over == (Skipped("openai", "gpt-4o", "rate_limited", None, "until noon"),)


def test_an_answer_that_broke_is_its_targets() -> None:
    """The last one that had begun to answer; nobody where there was none."""
    first = attempt("openai", FailureClass.OVERLOADED, status=503)
    second = attempt("elizanet", FailureClass.STREAM_INTERRUPTED, number=2, status=200)
    third = attempt("free", FailureClass.OVERLOADED, number=3, status=503)
    call = made(ended(first, second, third, outcome=Outcome.BROKEN))
    assert call.provider == "elizanet"
    assert made(ended(first, outcome=Outcome.BROKEN)).provider == "openai"
    assert made(ended(first, outcome=Outcome.LEFT)).provider is None
    assert made(ended(outcome=Outcome.BROKEN)).provider is None


def test_a_count_that_is_none_is_bounded() -> None:
    """Negative, or more than any sum could hold."""
    for told, kept in ((-5, 0), (10**30, MOST_TOKENS), (MOST_TOKENS, MOST_TOKENS)):
        usage = Usage(told, told, told)
        call = made(ended(attempt("openai", usage=usage), usage=usage))
        assert (call.prompt_tokens, call.completion_tokens) == (kept, kept)
        assert call.attempts[0].prompt_tokens == kept


def test_a_call_began_when_its_id_was_made() -> None:
    """The id has the moment; an id of another form is put in its place by the clock."""
    assert made(ended(attempt(), call_id=call_id(1234.567))).at == 1234.567
    other = made(ended(attempt(), call_id="x" * 40, seconds=10.0))
    assert (other.at, other.id) == (990.0, f"req_{990_000:012x}_{'x' * 40}")
    assert made(ended(attempt(), call_id="x", seconds=5000.0)).at == 0.0


def test_names_are_short_and_can_be_stored() -> None:
    """Whatever a caller calls a model: no zero bytes, no halves of characters, no novels."""
    assert name("m" * 10_000) == "m" * NAME_CHARACTERS
    assert name("a\0b\ud800c").encode() == "a�b?c".encode()
    assert len(sentence("word " * 10_000)) == 2000


def test_text_is_decoded_and_a_cut_one_loses_its_end() -> None:
    """Half a key at the end would not be known for one."""
    assert captured_text(b"caf\xc3\xa9 \xff", ()) == "café �"
    key = KEYS[0].encode()
    body = b"x " * (MAX_CAPTURED_BYTES // 2)
    cut = body[: MAX_CAPTURED_BYTES - 10] + key[:10]
    assert "sk-proj" not in captured_text(cut, ())


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_stored_nowhere(tmp_path: Path, key: str) -> None:
    """Wherever it was put: the files do not have it, nor does what is read from them."""
    url = f"sqlite:///{tmp_path}/records.db"
    skipped = Skipped("openai", key, "rate_limited", None, f"key {key} is limited")
    tried = attempt(
        "openai", FailureClass.AUTH, model=key, message=f"Incorrect API key: {key}",
        request_id=key, key="alias",
    )  # fmt: skip
    event = ended(
        tried, call_id=call_id(), model=key, caller=key, chain=key, targets=(f"openai/{key}",),
        passed_over=(skipped,), first_choice=skipped, outcome=Outcome.FAILED,
        failure_class=FailureClass.AUTH, headers=(("authorization", f"Bearer {key}"),),
        captured=captured(
            f'{{"messages": [{{"content": "my key is {key}"}}]}}'.encode(),
            f'data: {{"text": "{key}"}}'.encode(),
        ),
    )  # fmt: skip
    record(url, event, capture=Capture.ALL)
    one = recorder(url)
    one(HealthChanged(f"openai {key}", "key", "quarantined", f"{key} was refused"))
    one.close()
    for file in tmp_path.iterdir():
        assert key.encode() not in file.read_bytes(), file
    reader = open_reader(url)
    (call,) = reader.calls(Which())
    whole = reader.call(call.id)
    assert whole is not None
    assert whole.request == '{"messages": [{"content": "my key is [redacted]"}]}'
    assert key not in repr((whole, reader.latest_changes(time.time() + 1)))
    reader.close()


def test_our_own_keys_are_not_captured_whatever_they_look_like(tmp_path: Path) -> None:
    """Those of the settings are known by heart: of providers, headers and callers."""
    url, known = f"sqlite:///{tmp_path}/records.db", ("open sesame", "shibboleth", "mellon")
    provider = ProviderSettings(
        "openai", "http://127.0.0.1:9/v1", (Secret(known[0]),), {"x-token": Secret(known[1])}
    )
    gateway = GatewaySettings(callers=(CallerSettings("team-a", Secret(known[2])),))
    one = recorder(url, capture=Capture.ALL)
    one.follow(Settings(providers={"openai": provider}, routes=(), gateway=gateway))
    said = f"they are {', '.join(known)}".encode()
    event = ended(attempt(), call_id=call_id(), captured=captured(said, said))
    one(event)
    one.close()
    reader = open_reader(url)
    call = reader.call(event.call_id)
    assert call is not None
    assert call.request == call.answer == "they are [redacted], [redacted], [redacted]"
    reader.close()


def test_a_change_is_recorded_as_it_was_told() -> None:
    """With the moment and the run."""
    change = make_change(HealthChanged("openai", "breaker", "open", "it failed"), 5.0, "run_1")
    assert (change.at, change.run, change.subject, change.what, change.state, change.reason) == (
        5.0, "run_1", "openai", "breaker", "open", "it failed"
    )  # fmt: skip
