"""Who can be asked: `[providers.NAME]`, and the two providers that variables describe."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from elizanet.settings import address, ranges, references
from elizanet.settings.extras import read_headers, read_limits, read_paths
from elizanet.settings.frozen import FrozenMapping
from elizanet.settings.model import ProviderSettings
from elizanet.settings.report import nearest, shown
from elizanet.settings.secret import Secret
from elizanet.settings.sections import check_timeouts, read_timeouts

if TYPE_CHECKING:
    from elizanet.settings.environment import Environment
    from elizanet.settings.model import Timeouts
    from elizanet.settings.report import Report
    from elizanet.settings.table import Table

ELIZANET: Final = "elizanet"
OPENAI: Final = "openai"
BASE_URLS: Final = {
    OPENAI: "https://api.openai.com/v1",
    ELIZANET: "http://elizanet.up.railway.app/v1",
}
"""The providers whose address need not be given."""
ELIZANET_ATTEMPT_S: Final = 30.0
"""`timeouts.attempt` of the provider `elizanet`, in seconds."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def read_providers(
    table: Table, environment: Environment, timeouts: Timeouts
) -> dict[str, ProviderSettings]:
    """Read `[providers]` and add what the environment says.

    A provider whose table is wrong is in the result all the same, so that chains may name it.
    """
    providers: dict[str, ProviderSettings] = {}
    for name, below in table.tables():
        if not _NAME.fullmatch(name):
            table.problem(
                f"{table.name_of(name)} is not a provider name: up to 64 letters, digits, "
                'dots, "_" and "-", and no "/"',
                name,
            )
        providers[name] = _read_provider(name, below, environment)
        check_timeouts(below.table("timeouts"), providers[name].timeouts, timeouts)
    for name in table.values:
        providers.setdefault(name, ProviderSettings(name, base_url=""))
    _add_openai(providers, environment)
    _add_elizanet(providers, environment)
    return providers


def _read_provider(name: str, table: Table, environment: Environment) -> ProviderSettings:
    base_url = table.text("base_url", "a URL")
    if base_url is not None:
        try:
            base_url = address.normalised(base_url)
        except ValueError as error:
            table.problem(f"{table.name_of('base_url')} {error}", "base_url")
            base_url = None
    elif "base_url" not in table and name not in BASE_URLS:
        table.problem(f"{table.name_of()} needs a base_url")
    api_keys = _read_api_keys(table, environment)
    provider = ProviderSettings(
        name=name,
        base_url=base_url or BASE_URLS.get(name, ""),
        api_keys=api_keys,
        headers=read_headers(table.table("headers"), environment),
        paths=read_paths(table.table("paths")),
        timeouts=read_timeouts(table.table("timeouts")),
        limits=read_limits(table.table("limits")),
    )
    has_key = "api_key" in table or "api_keys" in table
    if has_key and any(header.lower() == "authorization" for header in provider.headers):
        table.problem(f"{table.name_of()} has both an api_key and a header Authorization")
    table.finish()
    return provider


def _read_api_keys(table: Table, environment: Environment) -> tuple[Secret, ...]:
    """Read `api_key`, or `api_keys` where there are several."""
    key = _read_api_key(table, environment)
    keys = references.resolve_all(table, environment, "api_keys", "a list of keys")
    if table.values.get("api_keys") == []:
        table.problem(
            f"{table.name_of('api_keys')} is empty; leave it out to ask without a key", "api_keys"
        )
    if "api_key" in table and "api_keys" in table:
        table.problem(
            f"{table.name_of()} has both api_key and api_keys; put all of its keys into api_keys",
            "api_keys",
        )
    if len(keys) == 1:
        table.note(table.name_of("api_key"), "api_keys")
    return tuple(each for each in (key, *keys) if each is not None)


def _read_api_key(table: Table, environment: Environment) -> Secret | None:
    value = table.get("api_key")
    if isinstance(value, list):
        table.problem(f"{table.name_of('api_key')} is a list; several keys are api_keys", "api_key")
        return None
    return None if value is None else references.resolve(table, environment, value, "api_key")


def _add_openai(providers: dict[str, ProviderSettings], environment: Environment) -> None:
    """Add the provider of OPENAI_BASE_URL and OPENAI_API_KEY, unless the file has its own.

    The file's provider is complete as it stands: a key from elsewhere never goes to it.
    """
    if OPENAI in providers:
        return
    base_url = _base_url("OPENAI_BASE_URL", OPENAI, environment)
    api_key = environment.secret("OPENAI_API_KEY", f"providers.{OPENAI}.api_key")
    if base_url or api_key:
        url = base_url or BASE_URLS[OPENAI]
        providers[OPENAI] = ProviderSettings(OPENAI, url, (api_key,) if api_key else ())


def _add_elizanet(providers: dict[str, ProviderSettings], environment: Environment) -> None:
    """Add the provider that always exists; the environment overrides what the file says."""
    path = f"providers.{ELIZANET}"
    provider = providers.get(ELIZANET) or ProviderSettings(ELIZANET, BASE_URLS[ELIZANET])
    base_url = _base_url("ELIZANET_BASE_URL", ELIZANET, environment)
    api_key = environment.secret("ELIZANET_API_KEY", f"{path}.api_key")
    attempt = environment.number(
        "ELIZANET_TIMEOUT", ranges.MILLISECONDS, f"{path}.timeouts.attempt"
    )
    timeouts = {"attempt": ELIZANET_ATTEMPT_S, **provider.timeouts}
    if attempt is not None:
        timeouts["attempt"] = attempt / 1000
    providers[ELIZANET] = replace(
        provider,
        base_url=base_url or provider.base_url,
        api_keys=(api_key,) if api_key else provider.api_keys,
        timeouts=FrozenMapping(timeouts),
    )


def _base_url(variable: str, provider: str, environment: Environment) -> str | None:
    text = environment.text(variable, "a URL", f"providers.{provider}.base_url")
    if text is None:
        return None
    try:
        return address.normalised(text)
    except ValueError as error:
        environment.problem(variable, str(error))
        return None


def unknown(name: str, known: Iterable[str]) -> str:
    """Return what is wrong with a name that no provider has, with the nearest that one has."""
    variable = " (set OPENAI_API_KEY, or add its table)" if name == OPENAI else ""
    return f"there is no provider {shown(name)}{variable}{nearest(name, known)}"


def warn_of_open_keys(providers: dict[str, ProviderSettings], report: Report) -> None:
    """Warn once of each provider whose key anybody on the way could read."""
    for provider in providers.values():
        secrets = (*provider.api_keys, *provider.headers.values())
        has_key = any(isinstance(value, Secret) for value in secrets)
        if not has_key or not provider.base_url.startswith("http:"):
            continue
        host, _ = address.host_and_port(provider.base_url)
        if not address.is_local(host):
            report.warn(
                f"the key of provider {provider.name} goes to {provider.base_url} unencrypted, "
                "for anyone on the way to read; use an https:// address"
            )
