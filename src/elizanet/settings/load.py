"""From files and variables to `Settings`, or to one error that tells all that is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from elizanet.settings import (
    document,
    gateway,
    gateway_check,
    providers,
    ranges,
    sections,
    variables,
)
from elizanet.settings.document import Document
from elizanet.settings.environment import Environment
from elizanet.settings.files import UnreadableError, located
from elizanet.settings.frozen import FrozenMapping
from elizanet.settings.model import DEFAULT_MAX_INPUT_LENGTH, Settings
from elizanet.settings.origin import DEFAULT
from elizanet.settings.report import Report
from elizanet.settings.routes import DEFAULT_CHAIN, RouteReader, default_routes
from elizanet.settings.table import Table

DEFAULT_FILE: Final = "elizanet.toml"
_NOTHING: Final[FrozenMapping[str, object]] = FrozenMapping()


def load_settings(
    *,
    explicit: Mapping[str, object] = _NOTHING,
    environ: Mapping[str, str] | None = None,
    config_file: Path | str | None = None,
    working_directory: Path | None = None,
    default_chain: Sequence[str] = DEFAULT_CHAIN,
    resolve_keys: bool = True,
) -> Settings:
    """Return the settings. Raises ConfigurationError with every problem there is.

    `explicit` has values by the names of environment variables; they go before all else.
    `environ` is the environment, by default the process's. `config_file` is the file to
    read, by default the one that ELIZANET_CONFIG names, else `elizanet.toml` in
    `working_directory` (by default the process's) if it exists. `.env` is looked for there
    too. `default_chain` names the providers that serve every model where the file has no
    `[models]`; those that are not known are left out. Without `resolve_keys` the references
    `env:...` and `file:...` stand for the keys: for who sends none, and may not have them.
    Nothing is asked over the network.
    """
    folder = working_directory or Path.cwd()
    report = Report()
    environment = Environment(
        explicit,
        os.environ if environ is None else environ,
        folder,
        report,
        resolve_keys=resolve_keys,
    )
    named = config_file or environment.text("ELIZANET_CONFIG", "the path of a file")
    file = _read_file(named or None, folder, report)
    settings = _read(Table(file, report), environment, report, default_chain)
    environment.finish()
    report.raise_problems()
    return _with_origins(settings, report)


def _read_file(named: Path | str | None, folder: Path, report: Report) -> Document:
    """Read the file of that name, or else the default one, which need not exist."""
    default = folder / DEFAULT_FILE
    if named is None and not default.exists():
        return Document(default, {}, {})
    try:
        path = located(named or default, folder)
    except UnreadableError as error:
        report.problem(f"{named}: {error}")
        return Document(default, {}, {})
    return document.read(path, report)


def _read(
    root: Table, environment: Environment, report: Report, default_chain: Sequence[str]
) -> Settings:
    model_types = variables.read_model_types(environment)
    timeouts = sections.read_default_timeouts(root.table("timeouts"))
    known = providers.read_providers(root.table("providers"), environment, timeouts)
    providers.warn_of_open_keys(known, report)
    models = root.table("models")
    routes = RouteReader(known, timeouts, model_types.embedding).read(models)
    routes = routes if models.values else default_routes(default_chain, known)
    settings = Settings(
        gateway=gateway.read_gateway(root.table("gateway"), environment, known, routes),
        providers=FrozenMapping(known),
        routes=routes,
        timeouts=timeouts,
        retry=sections.read_retry(root.table("retry")),
        hedge=sections.read_hedge(root.table("hedge")),
        stream=sections.read_stream(root.table("stream")),
        policy=sections.read_policy(root.table("policy")),
        hooks=sections.read_hooks(root.table("hooks")),
        records=sections.read_records(root.table("records")),
        health=sections.read_health(root.table("health")),
        model_types=model_types,
        fallback_enabled=sections.either(environment.flag("ELIZANET_FALLBACK_ENABLED"), True),
        embedding_on_failure=variables.read_embedding_on_failure(environment),
        max_input_length=environment.whole("ELIZANET_MAX_INPUT_LENGTH", ranges.CHARACTERS)
        or DEFAULT_MAX_INPUT_LENGTH,
        fallback_pinned=environment.flag("ELIZANET_FALLBACK_PINNED") or False,
        fallback_on=variables.read_fallback_on(environment),
        models=variables.read_models(environment),
        primary_timeout=variables.read_primary_timeout(environment),
        database=variables.read_database(environment),
    )
    root.finish()
    _check_providers(settings, root)
    return settings


def _check_providers(settings: Settings, root: Table) -> None:
    """Refuse a provider of the file that is the file's gateway; warn of one that is never asked."""
    table = root.table("providers")
    asked = {target.provider for route in settings.routes for target in route.targets}
    asked |= {settings.gateway.passthrough or "", providers.ELIZANET}
    for name in table.values:
        provider = settings.providers[name]
        if "gateway" in root and provider.base_url:
            problem = gateway_check.is_itself(settings.gateway, provider)
            if problem:
                table.problem(problem, name, "base_url")
        if name not in asked:
            place = table.document.place((*table.path, name))
            table.report.warn(f"{place}: provider {name} is in no chain and is never asked")


def _with_origins(settings: Settings, report: Report) -> Settings:
    origins = {name: report.origins.get(name, DEFAULT) for name, _, _ in settings.describe()}
    return replace(settings, origins=FrozenMapping(origins), warnings=report.warnings)
