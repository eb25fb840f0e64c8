"""What a target may say of itself: price, weight and tier."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from elizanet.settings import Price, RouteSettings, Settings, TargetSettings

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]

PROVIDERS = "".join(f'[providers.{p}]\nbase_url = "http://localhost/{p}"\n' for p in "abc")


def chain(*targets: str) -> str:
    return f"{PROVIDERS}[models.m]\nchain = [{', '.join(targets)}]\n"


def test_a_target_says_what_it_costs_and_how_much_it_takes(load: Load) -> None:
    """Nothing of it is needed; a price of nothing is a price."""
    long = "{ target = 'a/x', price = { input = 2.5, output = 0 }, weight = 3, tier = 2 }"
    (route,) = load(chain(long, "{ target = 'b/x', tier = 2 }", "'c/x'")).routes
    assert route.targets == (
        TargetSettings("a", "x", None, Price(2.5, 0), 3, 2),
        TargetSettings("b", "x", None, None, 1.0, 2),
        TargetSettings("c", "x"),
    )
    assert route.targets[2].price is None
    assert (route.targets[2].weight, route.targets[2].tier) == (1.0, None)


@pytest.mark.parametrize(
    ("tiers", "order"),
    [
        ((None, None, None), ("a", "b", "c")),
        ((1, 1, 1), ("abc",)),
        ((2, 1, 1), ("bc", "a")),
        ((1, 1, None), ("ab", "c")),
        ((None, 1, None), ("ab", "c")),
        ((9, None, None), ("b", "c", "a")),
        ((2, None, 2), ("abc",)),
    ],
)
def test_targets_are_asked_tier_by_tier(
    tiers: tuple[int | None, ...], order: tuple[str, ...]
) -> None:
    """A target without a tier has that of its place in the chain, counted from one."""
    targets = tuple(
        TargetSettings(name, "*", tier=tier) for name, tier in zip("abc", tiers, strict=True)
    )
    found = RouteSettings("m", targets).tiers()
    assert tuple("".join(target.provider for target in tier) for tier in found) == order


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("weight = 0", "weight is 0; it must be a number from 0.001 to 1000"),
        ("weight = 1e-9", "weight is 1e-09; it must be a number from 0.001 to 1000"),
        ("weight = inf", "weight is inf; it must be a number from 0.001 to 1000"),
        ('weight = "3"', 'weight is "3"; it must be a number from 0.001 to 1000'),
        ("tier = 0", "tier is 0; it must be a whole number from 1 to 1000"),
        ("tier = 1.5", "tier is 1.5; it must be a whole number from 1 to 1000"),
        ("tier = true", "tier is true; it must be a whole number from 1 to 1000"),
        ("price = 2.5", "price is 2.5; it must be a table"),
        ("price = {}", "price needs input and output"),
        ("price = { input = 1 }", "price needs output"),
        ("price = { output = 1, input = nan }", "price.input is nan; it must be a number of US"),
        ("price = { output = -1, input = 1 }", "price.output is -1; it must be a number of US"),
        (
            "price = { output = 1, input = '$2' }",
            'price.input is "$2"; it must be a number of US dollars a million tokens from 0 to',
        ),
    ],
)
def test_a_wrong_value_of_a_target_is_refused(
    problems: Problems, written: str, sentence: str
) -> None:
    """In one sentence with its full name."""
    (problem,) = problems(chain(f"{{ target = 'a/x', {written} }}"))
    assert problem.startswith(f"elizanet.toml:8: models.m.chain[0].{sentence}")


def test_the_name_of_a_model_has_an_end(load: Load, problems: Problems) -> None:
    """At 256 characters."""
    longest = "m" * 256
    assert load(chain(f"'a/{longest}'")).routes[0].targets[0].model == longest
    (problem,) = problems(chain(f"'a/{longest}m'"))
    assert problem.endswith("; the model is not a name of up to 256 printable characters")


def test_an_unknown_key_of_a_price_gets_the_nearest(problems: Problems) -> None:
    """Beside what is missing."""
    assert problems(chain("{ target = 'a/x', price = { input = 1, ouput = 2 } }")) == (
        "elizanet.toml:8: models.m.chain[0].price needs output",
        'elizanet.toml:8: unknown key models.m.chain[0].price.ouput; did you mean "output"?',
    )


def test_a_weight_that_changes_nothing_is_warned_about(load: Load) -> None:
    """Weights share the load inside a tier; a list without tiers has one target in each."""
    settings = load(chain("{ target = 'a/x', weight = 3 }", "'b/x'"))
    assert settings.warnings[0] == (
        "elizanet.toml:8: the weight of a/x has no effect: no other target has its tier; "
        "targets that share the load name the same tier"
    )
    shared = "{ target = 'a/x', weight = 3, tier = 1 }", "{ target = 'b/x', tier = 1 }", "'c/x'"
    assert load(chain(*shared)).warnings == ()


def test_a_chain_is_shown_with_what_its_targets_say(load: Load) -> None:
    """Only what differs from a plain target."""
    settings = load(
        chain(
            "{ target = 'a/x', window = 10, tier = 1, weight = 0.5, "
            "price = { input = 2.5, output = 10 } }",
            "{ target = 'b/x', tier = 1 }",
            "'c/*'",
        )
    )
    rows = {name: value for name, value, _ in settings.describe()}
    assert rows["models.m.chain"] == (
        "a/x (window 10; tier 1; weight 0.5; price 2.5 in and 10 out), b/x (tier 1), c/*"
    )
