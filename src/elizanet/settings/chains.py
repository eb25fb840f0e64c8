"""The targets of a chain: `"provider/model"`, or a table that says more about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from elizanet.settings import ranges
from elizanet.settings.model import TargetSettings
from elizanet.settings.patterns import is_glob
from elizanet.settings.report import nearest, shown

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
            return self._named(table, item, None, index)
        if not isinstance(item, dict):
            table.wrong("chain", _TARGET, index)
            return None
        below = table.below(item, "chain", index)
        window = below.whole("window", ranges.TOKENS)
        name = below.text("target", '"provider/model"')
        if "target" not in below:
            below.problem(f'{below.name_of()} needs target = "provider/model"')
        below.finish("models.*.chain.*")
        return None if name is None else self._named(table, name, window, index)

    def _named(
        self, table: Table, name: str, window: int | None, index: int
    ) -> TargetSettings | None:
        provider, slash, model = name.strip().partition("/")
        if problem := self._problem(provider, slash, model):
            where = table.name_of("chain", index)
            table.problem(f"{where} is {shown(name)}; {problem}", "chain", index)
            return None
        return TargetSettings(provider, model, window)

    def _problem(self, provider: str, slash: str, model: str) -> str | None:
        if not (provider and slash and model):
            return 'it must be "provider/model", and the model may be *'
        if provider not in self._providers:
            hint = nearest(provider, self._providers)
            variable = " (set OPENAI_API_KEY, or add its table)" if provider == "openai" else ""
            return f"there is no provider {shown(provider)}{variable}{hint}"
        if model != KEEP and ("*" in model or "?" in model):
            return "the model of a target is one name, or * alone for the caller's"
        if not is_model(model):
            return "the model is not a name of up to 256 printable characters"
        return None
