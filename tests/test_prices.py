"""What tokens cost."""

from __future__ import annotations

from elizanet.call import Usage
from elizanet.prices import cost, no_price, price_of
from elizanet.settings import Price, ProviderSettings, RouteSettings, Settings, TargetSettings

CHEAP, DEAR = Price(1.0, 2.0), Price(10.0, 20.0)


def settings(*targets: TargetSettings) -> Settings:
    return Settings(
        providers={"p": ProviderSettings("p", "http://p/v1")},
        routes=(RouteSettings("m-*", targets),),
    )


def test_a_price_belongs_to_a_target_of_a_chain() -> None:
    """Not to the same model in another chain, nor to another provider."""
    look_up = price_of(settings(TargetSettings("p", "m-1", price=CHEAP)))
    assert look_up("m-*", "p", "m-1") == CHEAP
    assert look_up("other", "p", "m-1") is None
    assert look_up("m-*", "q", "m-1") is None
    assert look_up("m-*", "p", "m-2") is None


def test_a_target_that_keeps_the_name_has_one_price_for_all_names() -> None:
    """But what is written for one model holds for it, also that nothing is known."""
    look_up = price_of(
        settings(
            TargetSettings("p", "m-1"),
            TargetSettings("p", "m-2", price=DEAR),
            TargetSettings("p", "*", price=CHEAP),
        )
    )
    assert [look_up("m-*", "p", f"m-{n}") for n in (1, 2, 3)] == [None, DEAR, CHEAP]


def test_without_prices_nothing_is_looked_up() -> None:
    """The function is the one that knows nothing."""
    assert price_of(settings(TargetSettings("p", "*"))) is no_price


def test_prices_are_for_a_million_tokens() -> None:
    """Prompts and answers have their own."""
    assert cost(Price(2.5, 10.0), Usage(1_000_000, 500_000, 1_500_000)) == 7.5
