"""What the tests of the settings share: a folder, and a way to load from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from elizanet.errors import ConfigurationError
from elizanet.settings import Settings, load_settings

_Load = Callable[..., Settings]
_Problems = Callable[..., tuple[str, ...]]


@pytest.fixture
def load(tmp_path: Path) -> _Load:
    """Load settings from the text of a file, variables, a `.env` and explicit values."""

    def loaded(
        toml: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        dotenv: str | None = None,
        explicit: Mapping[str, object] | None = None,
    ) -> Settings:
        if toml is not None:
            (tmp_path / "elizanet.toml").write_text(toml, encoding="utf-8")
        if dotenv is not None:
            (tmp_path / ".env").write_text(dotenv, encoding="utf-8")
        return load_settings(
            explicit=explicit or {}, environ=environ or {}, working_directory=tmp_path
        )

    return loaded


@pytest.fixture
def problems(load: _Load) -> _Problems:
    """Return the problems of what `load` would load; it must have some."""

    def found(toml: str | None = None, **sources: object) -> tuple[str, ...]:
        with pytest.raises(ConfigurationError) as raised:
            load(toml, **sources)
        return raised.value.problems

    return found
