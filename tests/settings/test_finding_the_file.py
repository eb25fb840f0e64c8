"""Which file is read, and what is said where it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from elizanet.errors import ConfigurationError
from elizanet.settings import (
    Origin,
    Settings,
    load_settings,
)

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]


def test_a_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """Missing, a folder, not text, too large, not a path."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin").write_bytes(b'a = 1\nb = "\xe9"\n')
    (tmp_path / "large").write_bytes(b"#" * (2 << 20))
    for name, sentence in {
        "missing.toml": "missing.toml: there is no file at ",
        "folder": "folder: there is no file at ",
        "latin": "latin:2: the file is not UTF-8",
        "large": "large: the file at ",
        "a\0b": "a\\x00b: ",
        "~nobody-here/x": "~nobody-here/x: the home folder",
    }.items():
        for arguments in ({"config_file": name}, {"environ": {"ELIZANET_CONFIG": name}}):
            with pytest.raises(ConfigurationError) as raised:
                load_settings(**{"environ": {}, "working_directory": tmp_path, **arguments})  # type: ignore[arg-type]
            (problem,) = raised.value.problems
            assert problem.startswith(sentence)


def test_the_named_file_goes_before_the_one_in_the_folder(load: Load, tmp_path: Path) -> None:
    """By the argument, then by ELIZANET_CONFIG, from any of its sources."""
    for name in ("argument", "variable", "dotenv"):
        (tmp_path / name).write_text(f'[hooks]\nclassify = "{name}:f"\n')
    (tmp_path / "elizanet.toml").write_text('[hooks]\nclassify = "folder:f"\n')
    (tmp_path / ".env").write_text("ELIZANET_CONFIG=dotenv\n")

    def hook(**arguments: object) -> str | None:
        return load_settings(working_directory=tmp_path, **arguments).hooks.classify  # type: ignore[arg-type]

    environ = {"ELIZANET_CONFIG": "variable"}
    assert hook(environ=environ, config_file="argument") == "argument:f"
    assert hook(environ=environ, config_file=tmp_path / "argument") == "argument:f"
    assert hook(environ=environ) == "variable:f"
    assert hook(environ={}) == "dotenv:f"
    (tmp_path / ".env").unlink()
    assert hook(environ={}) == "folder:f"


def test_windows_line_ends_and_a_byte_order_mark_are_no_mistake(load: Load, tmp_path: Path) -> None:
    """Editors write them."""
    (tmp_path / "elizanet.toml").write_bytes(b"\xef\xbb\xbf[gateway]\r\nport = 9000\r\n")
    settings = load()
    assert settings.gateway.port == 9000
    assert settings.origins["gateway.port"] == Origin("file", "elizanet.toml:2")


def test_a_file_that_may_not_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason of the system."""
    (tmp_path / "elizanet.toml").write_text("")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigurationError, match="cannot be read: Permission denied"):
        load_settings(environ={}, working_directory=tmp_path)
