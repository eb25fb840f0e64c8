"""Which chain serves which model: `[models.NAME]`, or one chain for all where there is none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from elizanet.settings import embeddings
from elizanet.settings.chains import KEEP, ChainReader, is_pattern
from elizanet.settings.model import RouteSettings, TargetSettings, Timeouts
from elizanet.settings.providers import ELIZANET, OPENAI
from elizanet.settings.sections import check_timeouts, read_timeouts

if TYPE_CHECKING:
    from elizanet.settings.model import ProviderSettings
    from elizanet.settings.table import Table

EVERY_MODEL: Final = "*"
DEFAULT_CHAIN: Final = (OPENAI, ELIZANET)
"""The providers that serve every model where the file has no chains."""


def default_routes(chain: Sequence[str], providers: Collection[str]) -> tuple[RouteSettings, ...]:
    """Return one chain for every model: the providers of `chain` that are known."""
    names = [name for name in chain if name in providers]
    return (RouteSettings(EVERY_MODEL, tuple(TargetSettings(name, KEEP) for name in names)),)


class RouteReader:
    """Reads the tables below `[models]`."""

    def __init__(
        self, providers: Mapping[str, ProviderSettings], timeouts: Timeouts, embedding_model: str
    ) -> None:
        self._chains = ChainReader(providers)
        self._timeouts = timeouts
        self._embedding_model = embedding_model

    def read(self, table: Table) -> tuple[RouteSettings, ...]:
        """Return the routes in the order of the file."""
        return tuple(
            self._route(pattern, below)
            for pattern, below in table.tables()
            if not _is_unquoted(pattern, below)
        )

    def _route(self, pattern: str, table: Table) -> RouteSettings:
        if not is_pattern(pattern):
            table.problem(
                f"{table.name_of()} is not a model name; * (any characters) and ? (one "
                "character) may be in it, brackets and control characters may not"
            )
        targets = self._chains.read(table, pattern)
        timeouts = read_timeouts(table.table("timeouts"))
        check_timeouts(table.table("timeouts"), timeouts, self._timeouts)
        allowed = table.flag("allow_mixed_embeddings") or False
        mixed = embeddings.mixed(pattern, targets, self._embedding_model)
        if mixed and not allowed:
            table.problem(
                f"{table.name_of('chain')} mixes embeddings of {', '.join(mixed)}, whose "
                "vectors cannot be compared; allow_mixed_embeddings = true allows it",
                "chain",
            )
        table.finish()
        route = RouteSettings(pattern, targets, timeouts, allowed)
        _warn_of_lone_weights(table, route)
        return route


def _warn_of_lone_weights(table: Table, route: RouteSettings) -> None:
    for tier in route.tiers():
        if len(tier) == 1 and tier[0].weight != 1:
            place = table.document.place((*table.path, "chain"))
            table.report.warn(
                f"{place}: the weight of {tier[0].provider}/{tier[0].model} has no effect: no "
                "other target has its tier; targets that share the load name the same tier"
            )


def _is_unquoted(pattern: str, table: Table) -> bool:
    """Tell whether a dot in a model name has made tables of it, and report that."""
    values: object = table.values
    while isinstance(values, dict) and "chain" not in values:
        name, values = next(iter(values.items()), ("", None))
        pattern = f"{pattern}.{name}"
    if not isinstance(values, dict) or values is table.values:
        return False
    table.problem(f'the name of this model has to be quoted: [models."{pattern}"]')
    return True
