"""Settings are read anew each time, so that a running gateway can take up what has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from elizanet.errors import ConfigurationError
from elizanet.settings import Secret, load_settings

FILE = """\
[gateway]
keys = ["file:caller"]
[providers.p]
base_url = "http://localhost"
api_key = "env:P_KEY"
[models.m]
chain = ["p/*"]
"""


def test_what_has_changed_since_is_read(tmp_path: Path) -> None:
    """The file, the keys it refers to, and `.env`; what was loaded before stays as it was."""
    (tmp_path / "elizanet.toml").write_text(FILE)
    (tmp_path / "caller").write_text("first")
    (tmp_path / ".env").write_text("P_KEY=one")
    before = load_settings(environ={}, working_directory=tmp_path)
    assert load_settings(environ={}, working_directory=tmp_path) == before

    (tmp_path / "elizanet.toml").write_text(FILE.replace('"p/*"', '"p/*", "elizanet/*"'))
    (tmp_path / "caller").write_text("second")
    (tmp_path / ".env").write_text("P_KEY=two")
    after = load_settings(environ={}, working_directory=tmp_path)
    assert [caller.key for caller in after.gateway.callers] == [Secret("second")]
    assert after.providers["p"].api_keys == (Secret("two"),)
    assert len(after.routes[0].targets) == 2
    assert [caller.key for caller in before.gateway.callers] == [Secret("first")]
    assert before.providers["p"].api_keys == (Secret("one"),)


def test_the_environment_is_that_of_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the process, where no other is given."""
    monkeypatch.setenv("ELIZANET_IMAGE_MODEL", "one")
    assert load_settings(working_directory=tmp_path).model_types.image == "one"
    monkeypatch.setenv("ELIZANET_IMAGE_MODEL", "two")
    assert load_settings(working_directory=tmp_path).model_types.image == "two"


def test_a_file_that_has_become_wrong_leaves_nothing_behind(tmp_path: Path) -> None:
    """Once it is right again, nothing is left of its problems."""
    file = tmp_path / "elizanet.toml"
    file.write_text("[gateway]\nprot = 1")
    with pytest.raises(ConfigurationError):
        load_settings(environ={}, working_directory=tmp_path)
    file.write_text("[gateway]\nport = 1")
    settings = load_settings(environ={}, working_directory=tmp_path)
    assert (settings.gateway.port, settings.warnings) == (1, ())
