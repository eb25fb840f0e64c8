"""`[gateway]`: where it listens, to whom, and how much it takes on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from elizanet.settings import address, callers, gateway_check, providers, ranges
from elizanet.settings.model import GatewaySettings
from elizanet.settings.sections import either

if TYPE_CHECKING:
    from elizanet.settings.environment import Environment
    from elizanet.settings.model import RouteSettings
    from elizanet.settings.table import Table

_HOST: Final = "a host name or an IP address"


def read_gateway(
    table: Table,
    environment: Environment,
    provider_names: Collection[str],
    routes: Sequence[RouteSettings],
) -> GatewaySettings:
    """Read `[gateway]`, given the names of the providers and the routes that there are."""
    default = GatewaySettings()
    gateway = GatewaySettings(
        host=either(_read_host(table), default.host),
        port=either(table.whole("port", ranges.PORT), default.port),
        callers=callers.read_callers(table, environment, routes),
        passthrough=_read_passthrough(table, provider_names),
        max_body=either(table.size("max_body", ranges.BYTES), default.max_body),
        max_in_flight=either(table.whole("max_in_flight", ranges.IN_FLIGHT), default.max_in_flight),
        drain=either(table.number("drain", ranges.PAUSE), default.drain),
    )
    names_callers = table.values.get("keys") or table.values.get("callers")
    if not names_callers and (problem := gateway_check.is_open(gateway)):
        table.problem(problem, "host")
    table.finish()
    return gateway


def _read_host(table: Table) -> str | None:
    host = table.text("host", _HOST)
    if host is None or address.is_host(host):
        return host
    table.wrong("host", _HOST)
    return None


def _read_passthrough(table: Table, provider_names: Collection[str]) -> str | None:
    name = table.text("passthrough", "the name of a provider")
    if name is None or name in provider_names:
        return name
    sentence = f"{table.name_of('passthrough')}: {providers.unknown(name, provider_names)}"
    table.problem(sentence, "passthrough")
    return None
