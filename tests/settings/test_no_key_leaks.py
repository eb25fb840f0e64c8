"""A key that is planted in every input comes out of none of the forms."""

from __future__ import annotations

import dataclasses
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elizanet.errors import ConfigurationError
from elizanet.settings import Settings
from elizanet.settings.environment import NAMES

Load = Callable[..., Settings]

KEY = "sk-proj-T3BlbkFJq7planted8Zx0wVuYsRn2mKd4"

WELL = f"""\
[gateway]
keys = ["{KEY}a", "env:K", "file:key"]
[[gateway.callers]]
alias = "c"
key = "{KEY}c"
[providers.p]
base_url = "http://p.example"
api_keys = ["{KEY}", "env:K"]
headers = {{ X-Api-Key = "{KEY}", Authorization-Extra = "env:K", Cookie = "file:key" }}
[models.m]
chain = ["p/m"]
"""


def forms(settings: Settings) -> str:
    """Return everything that could be shown of settings."""
    held: list[Any] = [settings, *settings.providers.values(), settings.gateway]
    return "\n".join(
        [
            *map(repr, held),
            *map(str, held),
            *(repr(dataclasses.asdict(item)) for item in held),
            repr(settings.providers),
            repr(settings.origins),
            repr(settings.describe()),
            *settings.warnings,
        ]
    )


def test_a_key_in_its_place_is_in_no_form_of_the_settings(
    load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Written out, from a variable, from a file, from `.env`, from a program."""
    (tmp_path / "key").write_text(f"{KEY}f\n")
    with caplog.at_level(logging.DEBUG):
        settings = load(
            WELL,
            environ={"K": f"{KEY}e", "OPENAI_API_KEY": KEY},
            dotenv=f"ELIZANET_IMAGE_MODEL=i\n{KEY}\n",
            explicit={"ELIZANET_API_KEY": KEY},
        )
    assert len(settings.gateway.callers) == 4
    assert len(settings.providers["p"].api_keys) == 2
    assert len(settings.warnings) > 4
    assert KEY not in forms(settings)
    assert KEY not in caplog.text


@pytest.mark.parametrize("source", ["environ", "explicit", "dotenv"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "shape", ["{}", "{}\u00e9", "http://{}@host", "http://user:{}@host/v1", "http://host/{}?key={}"]
)
def test_a_key_in_any_variable_is_in_no_sentence(
    load: Load, source: str, name: str, shape: str
) -> None:
    """Also where it does not belong, such as key and address confused."""
    value = shape.replace("{}", KEY)
    given = f"{name}={value}" if source == "dotenv" else {name: value}
    said, accepted = "", True
    try:
        said = forms(load(**{source: given}))
    except ConfigurationError as error:
        said, accepted = "".join(traceback.format_exception(error)), False
    is_a_name = accepted and name.endswith("_MODEL")
    assert is_a_name or KEY not in said


@pytest.mark.parametrize(
    "line",
    [
        "api_key = {}",
        "api_key = '{}\n",
        "api_key = '''{}\n'''",
        "api_key = ['{}']",
        "api_key = 'env:{}'",
        "api_key = 'env:{}é'",
        "api_key = 'file:{}'",
        "api_key = '{} '",
        "api_keys = '{}'",
        "api_keys = ['{} ']",
        "api_keys = ['{}', '{}']",
        "api_keys = ['{}', ['{}']]",
        "api_key = '{}'\napi_keys = ['{}']",
        "limits = '{}'",
        "limits = { rpm = '{}' }",
        "limits = { '{}' = 1 }",
        "api_kee = '{}'",
        "'{}' = 1",
        "'{}' = { a = 1 }",
        "headers = '{}'",
        "headers = { X-Api-Key = ['{}'] }",
        'headers = { X-Api-Key = "{}\\n" }',
        "headers = { '{} ' = 'a' }",
        "headers = { Content-Type = '{}' }",
        "paths = { embeddings = '{}' }",
        "paths = { '{}' = '/x' }",
        "timeouts = '{}'",
        "timeouts = { total = '{}' }",
        "base_url = '{}'",
        "base_url = 'http://{}@host'",
        "base_url = 'http://user:{}@host'",
        "base_url = 'http://host/?key={}'",
        "[gateway]\nkeys = '{}'",
        "[gateway]\nkeys = ['{} ']",
        "[gateway]\nkeys = ['{}', '{}']",
        "[gateway]\nhost = '{}!'",
        "[gateway]\nport = '{}'",
        "[gateway]\nmax_body = '{}'",
        "[gateway]\npassthrough = '{}'",
        "[gateway]\nmax_in_flight = '{}'",
        "[gateway]\ndrain = '{}'",
        "[gateway]\ncallers = ['{}']",
        "[gateway]\ncallers = '{}'",
        "[[gateway.callers]]\nalias = '{}'\nkey = 'k'",
        "[[gateway.callers]]\nalias = '{}'\nkey = '{}'",
        "[[gateway.callers]]\nalias = 'a'\nkey = '{} '",
        "[[gateway.callers]]\nalias = 'a'\nkey = '{}'\nkeys = '{}'",
        "[[gateway.callers]]\nalias = 'a'\nkey = '{}'\n[[gateway.callers]]\nalias = 'a'\nkey = '{}'",
        "[[gateway.callers]]\nalias = 'a'\nkey = 'k'\nmodels = '{}'",
        "[[gateway.callers]]\nalias = 'a'\nkey = 'k'\nmodels = ['[{}]']",
        "[[gateway.callers]]\nalias = 'a'\nkey = 'k'\nlimits = { rpm = '{}' }",
        "[hedge]\nafter = '{}'",
        "[stream]\non_break = '{}'",
        "[stream]\nfold_unary = '{}'",
        "[models.m]\nchain = [{ target = 'p/m', weight = '{}' }]",
        "[models.m]\nchain = [{ target = 'p/m', price = '{}' }]",
        "[models.m]\nchain = [{ target = 'p/m', price = { input = '{}', output = 1 } }]",
        "[models.m]\nchain = ['{}']",
        "[models.m]\nchain = ['{}/{}']",
        "[models.m]\nchain = ['p/{}*']",
        "[models.'{}']",
        "[hooks]\nclassify = '{}'",
        "[hooks]\nhealth = '{}'",
        "[policy]\nfall_back_on = ['{}']",
        "[providers.'{}/x']\nbase_url = 'http://x'",
    ],
)
def test_a_key_anywhere_in_a_wrong_file_is_in_no_sentence(load: Load, line: str) -> None:
    """Neither in the problems nor in what a traceback of them prints."""
    base = "" if line.startswith("base_url") else "base_url = 'http://p'\n"
    with pytest.raises(ConfigurationError) as raised:
        load(f"[providers.p]\n{base}{line.replace('{}', KEY)}\n")
    assert KEY not in "".join(traceback.format_exception(raised.value))
    assert KEY[8:] not in str(raised.value)
    assert raised.value.__context__ is None
