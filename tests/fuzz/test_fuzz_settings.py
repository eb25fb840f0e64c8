"""Whatever an operator writes: settings, or a `ConfigurationError` that says what is wrong."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.errors import ConfigurationError
from elizanet.settings import Settings, load_settings
from elizanet.testing import Fault
from support.fuzzing import fuzz, growth, mutated

TOML = b"""\
[gateway]
host = "127.0.0.1"
port = 8787
keys = ["literal-key-0123456789"]
max_body = "20MiB"
[providers.openai]
base_url = "https://api.openai.com/v1"
api_key = "sk-literal-0123456789abcdef"
headers = { "OpenAI-Organization" = "org" }
paths = { "images/generations" = "/custom/images" }
timeouts = { first_event = 60.0 }
[providers.elizanet]
base_url = "http://elizanet.up.railway.app"
[models."gpt-4o*"]
chain = ["openai/gpt-4o", { target = "elizanet/gpt-4o", window = 128000 }]
[models."text-embedding-3-*"]
chain = ["openai/*"]
allow_mixed_embeddings = false
[timeouts]
total = 600.0
stall = 20.0
[retry]
same_provider = 1
max_wait = 2.5
[policy]
fall_back_on = ["rate_limit", "timeout"]
"""
TOKENS = [
    b"[providers.openai]\n", b"[models]\n", b"[[gateway]]\n", b"= nan\n", b"= -1\n", b"= inf\n",
    b"1e400", b"0x7fffffffffffffffffff", b'"\\ud800"', b'"""', b"'''", b"\0", b"\xff", b"= true\n",
    b"= []\n", b"= {}\n", b"= 1979-05-27T07:32:00Z\n", b'"env:NOT_SET"', b'"file:nowhere"', b"\r",
    b"[" * 500, b"a." * 500, b"http://[::1", b"http://x:99999", b"*", b"/", b'""',
]  # fmt: skip
KEYS = ["sk-literal-0123456789abcdef", "literal-key-0123456789"]
NAMES = [
    "ELIZANET_BASE_URL", "ELIZANET_TIMEOUT", "ELIZANET_FALLBACK_ENABLED", "ELIZANET_MODELS",
    "ELIZANET_EMBEDDING_DIMENSIONS", "ELIZANET_EMBEDDING_ON_FAILURE", "ELIZANET_DB", "OPENAI_BASE_URL",
    "ELIZANET_MAX_INPUT_LENGTH", "ELIZANET_SMALL_MODEL", "OPENAI_API_KEY", "ELIZANET_FALLBACK_ON",
    "ELIZANET_CONFIG", "ELIZANET_UNKNOWN",
]  # fmt: skip


def loaded(
    toml: bytes | None = None, environ: dict[str, str] | None = None, dotenv: bytes | None = None
) -> Settings | tuple[str, ...]:
    """Return the settings or the problems; anything else that is raised is the bug."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        if toml is not None:
            (folder / "elizanet.toml").write_bytes(toml)
        if dotenv is not None:
            (folder / ".env").write_bytes(dotenv)
        try:
            return load_settings(environ=environ or {}, working_directory=folder)
        except ConfigurationError as error:
            problems = error.problems
    assert problems
    assert all(problem.strip() for problem in problems)
    assert not any(key in problem for problem in problems for key in KEYS)
    return problems


def test_the_file_that_is_mutated_is_a_good_one() -> None:
    """Otherwise the mutations would show little."""
    assert isinstance(loaded(TOML), Settings)


@given(mutated([TOML], TOKENS) | st.binary(max_size=60))
@fuzz(150)
def test_any_file_is_settings_or_problems(toml: bytes) -> None:
    """Never a traceback, and never a key in a message."""
    loaded(toml)


@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
        | st.sampled_from(["", "0", "-1", "1e9", "nan", "true", "http://x/v1", "none", "a,b,,c"]),
    )
)
@fuzz(150)
def test_any_environment_is_settings_or_problems(environ: dict[str, str]) -> None:
    """Any value of any variable we read."""
    found = loaded(environ=environ)
    if not isinstance(found, Settings) and "ELIZANET_CONFIG" not in environ:  # that names a file
        assert any(name in problem for problem in found for name in environ), found


@given(
    mutated(
        [b'ELIZANET_TIMEOUT=5000 # ms\nexport A=\'b"c\'\nB="x\\ny"\n'], [b"=", b"'", b'"', b"\\"]
    )
)
@fuzz(150)
def test_any_dotenv_file_is_settings_or_problems(dotenv: bytes) -> None:
    """The same for `.env`."""
    loaded(dotenv=dotenv)


FAULTS = [
    b"rate_limit,retry-after=2,times=3", b"status=503,rate=0.3,path=embeddings",
    b"cut_stream=2,how=reset,model=gpt-4o*", b"status=400,message='slow down, please'",
    b'status=500,body={"error": {"message": "a, b"}},html', b"drip=0.1,head", b"split=3,interval=0.01",
]  # fmt: skip
FAULT_TOKENS = [
    b",", b"=", b"'", b'"', b"{", b"}", b"[", b"]", b"times=", b"rate=2", b"rate=nan", b"inf",
    b"1e999", b"-1", b"9" * 5000, b"date+1e9", b"header=", b"\r\n", b"\0", b"\\",
]  # fmt: skip


@given(mutated(FAULTS, FAULT_TOKENS).map(lambda spec: spec.decode("utf-8", "replace")))
@fuzz(400)
def test_any_fault_is_one_or_a_problem(spec: str) -> None:
    """What is accepted reads the same when it is written down again."""
    try:
        fault = Fault.parse(spec)
    except ConfigurationError:
        return
    assert Fault.parse(str(fault)).values == fault.values
    assert 0 <= fault.rate <= 1
    assert fault.after >= 0


@pytest.mark.parametrize("unit", ["{", "[", ",", "'", "a=", '"\\', "{'"])
def test_no_pattern_makes_the_fault_grammar_slow(unit: str) -> None:
    """The time grows with the size of the text."""

    def parse(size: int) -> None:
        with suppress(ConfigurationError):
            Fault.parse("status=500,body=" + unit * size)

    assert growth(parse, 1000) < 10
