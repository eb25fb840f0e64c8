"""Who may call the gateway: `gateway.keys`, and `[[gateway.callers]]` that say more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeGuard

from elizanet.settings import ranges, references
from elizanet.settings.chains import is_pattern
from elizanet.settings.describe import caller_row
from elizanet.settings.model import CallerLimits, CallerSettings
from elizanet.settings.patterns import may_serve
from elizanet.settings.report import nearest, shown, without_keys

if TYPE_CHECKING:
    from elizanet.settings.environment import Environment
    from elizanet.settings.model import RouteSettings
    from elizanet.settings.secret import Secret
    from elizanet.settings.table import Table

_ALIAS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)
_ALIAS_SENTENCE: Final = 'up to 64 letters, digits, dots, "_", "-" and "@", as in "team-a"'
_MODELS: Final = 'a list of model names, which may have * and ? in them, as in ["gpt-4o*"]'
_LIST: Final = "a list of tables, each headed [[gateway.callers]]"


def read_callers(
    table: Table, environment: Environment, routes: Sequence[RouteSettings]
) -> tuple[CallerSettings, ...]:
    """Return the callers of both forms; those of `gateway.keys` are `key-1`, `key-2`, ..."""
    reader = _CallerReader(environment, routes)
    reader.read_keys(table)
    for index, item in enumerate(table.items("callers", _LIST) or ()):
        if isinstance(item, dict):
            reader.read(table.below(item, "callers", index))
        else:
            table.wrong("callers", "a table", index)
    return tuple(reader.callers)


class _CallerReader:
    """Reads callers one after the other: no two have the same alias or key."""

    def __init__(self, environment: Environment, routes: Sequence[RouteSettings]) -> None:
        self.callers: list[CallerSettings] = []
        self._environment = environment
        self._routes = routes

    def read_keys(self, table: Table) -> None:
        keys = references.resolve_all(table, self._environment, "keys", "a list of keys")
        for index, key in enumerate(keys):
            if key is not None:
                self.callers.append(CallerSettings(f"key-{index + 1}", key))
                table.note(caller_row(f"key-{index + 1}"), "keys", index)

    def read(self, table: Table) -> None:
        alias, key = self._alias(table), self._key(table)
        models = self._models(table)
        limits = _read_limits(table.table("limits"))
        table.finish()
        if alias is not None and key is not None:
            self.callers.append(CallerSettings(alias, key, models, limits))
            table.note(caller_row(alias))

    def _alias(self, table: Table) -> str | None:
        if "alias" not in table:
            table.problem(f'{table.name_of()} needs an alias, as in alias = "team-a"')
        alias = table.text("alias", _ALIAS_SENTENCE)
        if alias is None:
            return None
        if without_keys(alias) != alias:
            table.problem(f"{table.name_of('alias')} looks like a key; logs show an alias", "alias")
        elif not _ALIAS.fullmatch(alias):
            table.wrong("alias", _ALIAS_SENTENCE)
        elif any(alias == other.alias for other in self.callers):
            table.problem(f'{table.name_of("alias")}: another caller is "{alias}" already', "alias")
        return alias

    def _key(self, table: Table) -> Secret | None:
        value = table.get("key")
        if value is None:
            table.problem(f'{table.name_of()} needs a key, as in key = "env:TEAM_A_KEY"')
            return None
        key = references.resolve(table, self._environment, value, "key")
        for other in self.callers:
            if key == other.key:
                table.problem(f"{table.name_of('key')} is the key of {other.alias} too", "key")
        return key

    def _models(self, table: Table) -> tuple[str, ...]:
        items = table.items("models", _MODELS)
        if items == []:
            sentence = f"{table.name_of('models')} is empty; leave it out to allow every model"
            table.problem(sentence, "models")
        return tuple(
            item for index, item in enumerate(items or ()) if self._accepts(item, index, table)
        )

    def _accepts(self, item: object, index: int, table: Table) -> TypeGuard[str]:
        """Tell whether this item of `models` can be used; warn of one that allows nothing."""
        if not isinstance(item, str) or not is_pattern(item):
            table.wrong("models", "the name of a model, which may have * and ? in it", index)
            return False
        if not may_serve(self._routes, item):
            place = table.document.place((*table.path, "models", index))
            name = table.name_of("models", index)
            hint = nearest(item, [route.pattern for route in self._routes])
            table.report.warn(f"{place}: {name} is {shown(item)}, which no chain serves{hint}")
        return True


def _read_limits(table: Table) -> CallerLimits:
    limits = CallerLimits(
        rpm=table.whole("rpm", ranges.COUNT),
        tpm=table.whole("tpm", ranges.COUNT),
        concurrent=table.whole("concurrent", ranges.COUNT),
    )
    table.finish()
    return limits
