"""The targets of a chain: `"provider/model"`, or a table that says more about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from elizanet.settings import providers, ranges
from elizanet.settings.model import Price, TargetSettings
from elizanet.settings.patterns import is_glob
from elizanet.settings.report import shown

if TYPE_CHECKING:
    from elizanet.settings.model import ProviderSettings
    from elizanet.settings.table import Table

KEEP: Final = "*"
"""As a target's model: the name that the caller sent."""

_TARGET: Final = '"provider/model", or a table with target = "provider/model"'
_LONGEST_MODEL: Final = 256


def is_model(name: str) -> bool:
    """Tell whether this can be the name of a model."""
    return 0 < len(name) <= _LONGEST_MODEL and name.isprintable() and name == name.strip()


def is_pattern(name: str) -> bool:
    """Tell whether this can stand for the names of models: `*` and `?` may be in it."""
    return is_model(name) and "[" not in name and "]" not in name


class ChainReader:
    """Reads the `chain` of a route, given the providers that there are."""

    def __init__(self, providers: Mapping[str, ProviderSettings]) -> None:
        self._providers = providers

    def read(self, table: Table, pattern: str) -> tuple[TargetSettings, ...]:
        """Return the targets that the chain of this route names, in order."""
        items = table.items("chain", f"a list of targets, each {_TARGET}")
        if items == [] or "chain" not in table:
            table.problem(
                f'{table.name_of()} needs at least one target, as in chain = ["openai/*"]',
                "chain",
            )
        targets: dict[tuple[str, str], TargetSettings] = {}
        for index, item in enumerate(items or ()):
            target = self._target(table, index, item)
            if target is None:
                continue
            same_name = target.model == KEEP and not is_glob(pattern)
            key = (target.provider, pattern if same_name else target.model)
            if key in targets:
                table.problem(
                    f"{table.name_of('chain', index)} names {'/'.join(key)} a second time",
                    "chain",
                    index,
                )
            targets.setdefault(key, target)
        return tuple(targets.values())

    def _target(self, table: Table, index: int, item: object) -> TargetSettings | None:
        if isinstance(item, str):
            return self._named(table, item, index)
        if not isinstance(item, dict):
            table.wrong("chain", _TARGET, index)
            return None
        return self._described(table, table.below(item, "chain", index), index)

    def _described(self, table: Table, below: Table, index: int) -> TargetSettings | None:
        window = below.whole("window", ranges.TOKENS)
        price = _price(below)
        weight = below.number("weight", ranges.WEIGHT)
        tier = below.whole("tier", ranges.TIER)
        name = below.text("target", '"provider/model"')
        if "target" not in below:
            below.problem(f'{below.name_of()} needs target = "provider/model"')
        below.finish()
        target = None if name is None else self._named(table, name, index)
        if target is None:
            return None
        weight = target.weight if weight is None else weight
        return replace(target, window=window, price=price, weight=weight, tier=tier)

    def _named(self, table: Table, name: str, index: int) -> TargetSettings | None:
        provider, slash, model = name.strip().partition("/")
        if problem := self._problem(provider, slash, model):
            where = table.name_of("chain", index)
            table.problem(f"{where} is {shown(name)}; {problem}", "chain", index)
            return None
        return TargetSettings(provider, model)

    def _problem(self, provider: str, slash: str, model: str) -> str | None:
        if not (provider and slash and model):
            return 'it must be "provider/model", and the model may be *'
        if provider not in self._providers:
            return providers.unknown(provider, self._providers)
        if model != KEEP and ("*" in model or "?" in model):
            return "the model of a target is one name, or * alone for the caller's"
        if not is_model(model):
            return "the model is not a name of up to 256 printable characters"
        return None


def _price(target: Table) -> Price | None:
    table = target.table("price")
    prices = {name: table.number(name, ranges.DOLLARS) for name in ("input", "output")}
    missing = prices.keys() - table.values
    if missing and isinstance(target.values.get("price"), dict):
        table.problem(f"{table.name_of()} needs {' and '.join(sorted(missing))}")
    table.finish()
    if prices["input"] is None or prices["output"] is None:
        return None
    return Price(prices["input"], prices["output"])
