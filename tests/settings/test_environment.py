"""Settings by name: what each may be, and which source of it counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from elizanet.errors import ConfigurationError
from elizanet.model_types import ModelType
from elizanet.settings import ModelTypeSettings, Origin, Secret, Settings, load_settings
from elizanet.settings.environment import NAMES
from elizanet.settings.variables import MODEL_TYPES

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]


def attempt(settings: Settings) -> float:
    return settings.providers["elizanet"].timeouts["attempt"]


def test_without_anything_the_specification_holds(load: Load) -> None:
    """The provider elizanet serves every model; it is asked anonymously, for 30 s."""
    settings = load()
    assert list(settings.providers) == ["elizanet"]
    provider = settings.providers["elizanet"]
    assert provider.base_url == "http://elizanet.up.railway.app/v1"
    assert provider.api_keys == ()
    assert attempt(settings) == 30.0
    (route,) = settings.routes
    assert (route.pattern, [str(t.provider) + "/" + t.model for t in route.targets]) == (
        "*",
        ["elizanet/*"],
    )
    assert settings.model_types == ModelTypeSettings()
    assert settings.fallback_enabled is True
    assert settings.fallback_pinned is False
    assert settings.embedding_on_failure == "vector"
    assert settings.max_input_length == 1_000_000
    assert settings.models is None
    assert settings.warnings == ()


@pytest.mark.parametrize(
    "environ",
    [
        {"OPENAI_API_KEY": "k"},
        {"OPENAI_BASE_URL": "http://localhost:11434"},
        {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://localhost:11434/v1/"},
    ],
)
def test_a_provider_of_openai_variables_goes_first(load: Load, environ: dict[str, str]) -> None:
    """With elizanet behind it; the address defaults to OpenAI's."""
    settings = load(environ=environ)
    (route,) = settings.routes
    assert [target.provider for target in route.targets] == ["openai", "elizanet"]
    local = "OPENAI_BASE_URL" in environ
    url = "http://localhost:11434/v1" if local else "https://api.openai.com/v1"
    assert settings.providers["openai"].base_url == url
    assert "attempt" not in settings.providers["openai"].timeouts


def test_explicit_goes_before_environment_before_dotenv_before_file(load: Load) -> None:
    """Taking the highest source away each time, the next one counts."""
    file = "[providers.elizanet]\ntimeouts = { attempt = 4 }\n"
    sources: dict[str, object] = {
        "explicit": {"ELIZANET_TIMEOUT": 1000},
        "environ": {"ELIZANET_TIMEOUT": "2000"},
        "dotenv": "# mine\nELIZANET_TIMEOUT=3000\n",
    }
    expected = [
        (1.0, Origin("explicit", "ELIZANET_TIMEOUT")),
        (2.0, Origin("environment", "ELIZANET_TIMEOUT")),
        (3.0, Origin(".env", ".env:2")),
        (4.0, Origin("file", "elizanet.toml:2")),
        (30.0, Origin("default")),
    ]
    name = "providers.elizanet.timeouts.attempt"
    for highest, (seconds, origin) in zip([*sources, "file", None], expected, strict=True):
        settings = load(file if highest else "", **sources)
        assert (attempt(settings), settings.origins[name]) == (seconds, origin)
        if highest in sources:
            sources[highest] = "" if highest == "dotenv" else {}


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_value_counts_as_not_set(load: Load, empty: str) -> None:
    """In every source, the next one then counts."""
    settings = load(
        explicit={"ELIZANET_SMALL_MODEL": empty, "ELIZANET_API_KEY": None},
        environ={"ELIZANET_SMALL_MODEL": empty, "ELIZANET_API_KEY": empty},
        dotenv=f"ELIZANET_SMALL_MODEL=from-dotenv\nELIZANET_API_KEY={empty}\n",
    )
    assert settings.model_types.small == "from-dotenv"
    assert settings.providers["elizanet"].api_keys == ()


@pytest.mark.parametrize("value", ["45000", 45000, 45000.0, " 45000 ", "45000.0"])
def test_a_timeout_is_milliseconds_in_any_form(load: Load, value: object) -> None:
    """A host may hand numbers over as text or as float."""
    assert attempt(load(explicit={"ELIZANET_TIMEOUT": value})) == 45.0


@pytest.mark.parametrize(
    "value",
    [
        "0",
        0,
        -1,
        "-5",
        "soon",
        "45s",
        "nan",
        "inf",
        math.nan,
        math.inf,
        True,
        False,
        "1_000",
        "٤٥",
        "1e3",
        [45],
        "9" * 400,
        10**400,
    ],
)
def test_what_is_no_timeout_is_refused_by_name_and_value(problems: Problems, value: object) -> None:
    """Zero and False are values, and wrong ones here."""
    (problem,) = problems(explicit={"ELIZANET_TIMEOUT": value})
    assert problem.startswith("ELIZANET_TIMEOUT (explicit) is ")
    assert problem.endswith("it must be a number of milliseconds above 0 and at most 86400000")
    assert len(problem) < 250


@pytest.mark.parametrize(
    ("values", "meaning"),
    [
        (["true", "TRUE", "1", "yes", "On", True, 1, 1.0, " true "], True),
        (["false", "False", "0", "no", "OFF", False, 0, 0.0], False),
    ],
)
def test_booleans_have_many_spellings(load: Load, values: list[object], meaning: bool) -> None:
    """In any case; 0 and False are values."""
    for value in values:
        settings = load(
            explicit={"ELIZANET_FALLBACK_ENABLED": value, "ELIZANET_FALLBACK_PINNED": value}
        )
        assert settings.fallback_enabled is meaning
        assert settings.fallback_pinned is meaning


@pytest.mark.parametrize("value", ["maybe", "2", 2, 0.5, "tru", {}])
def test_what_is_no_boolean_is_refused(problems: Problems, value: object) -> None:
    """The sentence lists the spellings."""
    (problem,) = problems(explicit={"ELIZANET_FALLBACK_ENABLED": value})
    assert problem.startswith("ELIZANET_FALLBACK_ENABLED (explicit) is ")
    assert "true or false" in problem


def test_model_names_have_a_middle_level(load: Load) -> None:
    """The own name, then the host's general one, each from any source."""
    general = {"SMALL_MODEL": "s", "LARGE_MODEL": "l"}
    models = load(explicit=general).model_types
    assert (models.small, models.large) == ("s", "l")
    assert (models.reasoning_small, models.reasoning_large, models.completion) == ("s", "l", "l")
    own = load(explicit=general, environ={"ELIZANET_SMALL_MODEL": "own"})
    assert (own.model_types.small, own.model_types.large) == ("own", "l")
    assert own.origins["ELIZANET_REASONING_SMALL_MODEL"] == Origin(
        "environment", "ELIZANET_SMALL_MODEL"
    )
    assert own.origins["ELIZANET_COMPLETION_MODEL"] == Origin("explicit", "LARGE_MODEL")


def test_every_model_type_has_its_setting(load: Load) -> None:
    """Each name goes to its own field and no other."""
    models = load(
        environ={
            "ELIZANET_SMALL_MODEL": "a",
            "ELIZANET_LARGE_MODEL": "b",
            "ELIZANET_REASONING_SMALL_MODEL": "c",
            "ELIZANET_REASONING_LARGE_MODEL": "d",
            "ELIZANET_COMPLETION_MODEL": "e",
            "ELIZANET_EMBEDDING_MODEL": "f",
            "ELIZANET_EMBEDDING_DIMENSIONS": "384",
            "ELIZANET_IMAGE_MODEL": "g",
        }
    ).model_types
    assert models == ModelTypeSettings("a", "b", "c", "d", "e", "f", 384, "g")


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "x" * 300])
def test_what_is_no_model_name_is_refused(problems: Problems, name: str) -> None:
    """Control characters do not reach a terminal through the sentence either."""
    (problem,) = problems(environ={"ELIZANET_LARGE_MODEL": name})
    assert problem.startswith("ELIZANET_LARGE_MODEL (environment) is ")
    assert problem.isprintable()
    assert len(problem) < 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ELIZANET_EMBEDDING_DIMENSIONS", "0"),
        ("ELIZANET_EMBEDDING_DIMENSIONS", "-3"),
        ("ELIZANET_EMBEDDING_DIMENSIONS", "1536.5"),
        ("ELIZANET_EMBEDDING_DIMENSIONS", "many"),
        ("ELIZANET_MAX_INPUT_LENGTH", "0"),
        ("ELIZANET_MAX_INPUT_LENGTH", "x"),
        ("ELIZANET_EMBEDDING_ON_FAILURE", "vectors"),
        ("ELIZANET_EMBEDDING_ON_FAILURE", 3),
        ("ELIZANET_SMALL_MODEL", 4.0),
        ("ELIZANET_MODELS", ","),
        ("ELIZANET_MODELS", False),
        ("ELIZANET_DB", "mysql://host/db"),
        ("ELIZANET_DB", "sqlite://"),
    ],
)
def test_a_value_that_cannot_be_parsed_names_setting_value_and_what_is_allowed(
    problems: Problems, name: str, value: object
) -> None:
    """One sentence each."""
    (problem,) = problems(explicit={name: value})
    assert problem.startswith(f"{name} (explicit) is ")
    assert "; it must be " in problem


def test_all_wrong_variables_are_told_at_once(problems: Problems) -> None:
    """An operator mends them in one go."""
    wrong = {
        "ELIZANET_BASE_URL": "elizanet",
        "ELIZANET_TIMEOUT": "x",
        "ELIZANET_EMBEDDING_DIMENSIONS": "0",
        "ELIZANET_FALLBACK_ENABLED": "x",
    }
    assert {problem.split()[0] for problem in problems(environ=wrong)} == set(wrong)


def test_some_model_types_can_be_chosen(load: Load, problems: Problems) -> None:
    """In any case and with blanks; a wrong one gets the nearest right one."""
    chosen = load(environ={"ELIZANET_MODELS": "TEXT_SMALL, text_large,"}).models
    assert chosen == frozenset({"TEXT_SMALL", "TEXT_LARGE"})
    assert load(environ={"ELIZANET_MODELS": "all"}).models is None
    (problem,) = problems(environ={"ELIZANET_MODELS": "TEXT_SMALL,TEXT_EMBEDING"})
    assert problem.startswith("ELIZANET_MODELS (environment) is wrong: ")
    assert problem.endswith('is not a model type; did you mean "TEXT_EMBEDDING"?')


def test_the_model_types_are_those_of_the_library() -> None:
    """The settings may not import them, so this test holds the two lists together."""
    assert set(MODEL_TYPES) == set(ModelType)


def test_a_failed_embedding_can_raise(load: Load) -> None:
    """In any case, from any source."""
    for value, meaning in {"raise": "raise", "RAISE": "raise", "vector": "vector"}.items():
        settings = load(environ={"ELIZANET_EMBEDDING_ON_FAILURE": value})
        assert settings.embedding_on_failure == meaning


def test_a_database_is_a_file_a_server_or_none(load: Load, problems: Problems) -> None:
    """Anything else is refused, and a password is not repeated."""
    assert load().database == "sqlite:///elizanet.db"
    for url in ("none", "sqlite:///x.db", "sqlite:////var/x.db", "postgresql://me:planted@db/x"):
        settings = load(environ={"ELIZANET_DB": url})
        assert settings.database == url
        assert "planted" not in repr(settings.describe())
    for url in ("yes", "sqlite://", "sqlite:x.db", "mysql://me:planted@db/x", "postgresql://"):
        (problem,) = problems(environ={"ELIZANET_DB": url})
        assert problem.startswith("ELIZANET_DB (environment)")
        assert "planted" not in problem


def test_an_explicit_name_that_is_none_is_refused(problems: Problems) -> None:
    """A program's typing mistake is not passed over."""
    assert problems(explicit={"ELIZANET_BASEURL": "http://x"}) == (
        'ELIZANET_BASEURL is not a setting; did you mean "ELIZANET_BASE_URL"?',
    )


def test_a_variable_that_is_nearly_a_setting_is_warned_about(load: Load) -> None:
    """But not names of one's own, and not those that the file refers to."""
    settings = load(
        '[providers.elizanet]\napi_key = "env:ELIZANET_APIKEY"',
        environ={
            "ELIZANET_BASEURL": "http://x",
            "ELIZANET_APIKEY": "k",
            "ELIZANET_GATEWAY_KEY": "k",
            "ELIZANET_TEAM_A": "k",
            "ELIZANETBASE_URL": "http://x",
        },
    )
    assert [warning for warning in settings.warnings if "setting" in warning] == [
        'the variable ELIZANET_BASEURL is not a setting; did you mean "ELIZANET_BASE_URL"?'
    ]


def test_keys_may_be_given_as_secrets(load: Load) -> None:
    """A host that holds one need not reveal it."""
    key = Secret("k")
    assert load(explicit={"ELIZANET_API_KEY": key}).providers["elizanet"].api_keys == (key,)


@pytest.mark.parametrize(
    "key", ["two\nlines", "tab\there", "ключ", " planted", "planted ", "x" * 20_000, 3, 4.0]
)
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(
    problems: Problems, key: object
) -> None:
    """It would break the header, or be another key than meant."""
    for name in ("ELIZANET_API_KEY", "OPENAI_API_KEY"):
        (problem,) = problems(explicit={name: key})
        assert problem.startswith(f"{name} (explicit) ")
        if isinstance(key, str):
            assert key.strip() not in problem


def test_a_folder_named_dotenv_is_no_file_of_variables(tmp_path: Path) -> None:
    """People keep virtual environments under that name."""
    (tmp_path / ".env").mkdir()
    assert load_settings(environ={}, working_directory=tmp_path).warnings == ()


def test_a_dotenv_that_is_not_text_is_a_problem(tmp_path: Path) -> None:
    """With the line on which it stops being text."""
    (tmp_path / ".env").write_bytes(b"A=1\nB=\xff\n")
    with pytest.raises(ConfigurationError) as raised:
        load_settings(environ={}, working_directory=tmp_path)
    assert raised.value.problems == (".env:2: the file is not UTF-8",)


def test_the_process_environment_is_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And the folder the process works in."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ELIZANET_LARGE_MODEL", "from-environment")
    (tmp_path / "elizanet.toml").write_text("[gateway]\nport = 9999\n")
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.model_types.large == "from-environment"
    assert settings.gateway.port == 9999


def test_failures_of_an_agents_own_provider_may_be_chosen(load: Load, problems: Problems) -> None:
    """A list of classes; by default those that another provider is sure to help with."""
    default = "rate_limit quota_exhausted overloaded timeout connection stream_interrupted"
    assert load().fallback_on == set(default.split())
    chosen = load(environ={"ELIZANET_FALLBACK_ON": " Timeout, auth,"}).fallback_on
    assert chosen == {"timeout", "auth"}
    typo, gone = problems(environ={"ELIZANET_FALLBACK_ON": "timout,cancelled"})
    assert typo.endswith('"timout" is not a failure class; did you mean "timeout"?')
    assert '"cancelled" is not a failure class; allowed here: auth, bad_request' in gone
    (problem,) = problems(explicit={"ELIZANET_FALLBACK_ON": ","})
    assert "it must be a list of failure classes" in problem


def test_a_face_may_have_another_chain_where_the_file_has_none(tmp_path: Path) -> None:
    """The elizaOS plugin leaves out the agent's own provider."""
    environ = {"OPENAI_API_KEY": "k"}
    (route,) = load_settings(
        environ=environ, working_directory=tmp_path, default_chain=("elizanet", "unknown")
    ).routes
    assert [target.provider for target in route.targets] == ["elizanet"]
    (tmp_path / "elizanet.toml").write_text('[models.m]\nchain = ["openai/m"]\n')
    (route,) = load_settings(
        environ=environ, working_directory=tmp_path, default_chain=("elizanet",)
    ).routes
    assert [target.provider for target in route.targets] == ["openai"]


@pytest.mark.parametrize("value", ["2500", 2500, 2500.0, " 2500 "])
def test_the_time_of_an_agent_s_own_provider_is_whole_milliseconds(
    load: Load, value: object
) -> None:
    """Without it, the plugin waits as long as that provider takes."""
    settings = load(explicit={"ELIZANET_PRIMARY_TIMEOUT": value})
    assert settings.primary_timeout == 2.5
    rows = {name: (shown, str(origin)) for name, shown, origin in settings.describe()}
    assert rows["ELIZANET_PRIMARY_TIMEOUT"] == ("2500", "explicit ELIZANET_PRIMARY_TIMEOUT")
    assert load().primary_timeout is None


@pytest.mark.parametrize("value", ["0", "-1", "2.5", 2.5, "soon", "2s", True, 86_400_001])
def test_another_time_of_that_provider_is_refused(problems: Problems, value: object) -> None:
    """No time at all would be a provider that is never asked."""
    (problem,) = problems(explicit={"ELIZANET_PRIMARY_TIMEOUT": value})
    assert problem.startswith("ELIZANET_PRIMARY_TIMEOUT (explicit) is ")
    assert problem.endswith(
        "it must be a whole number of milliseconds above 0 and at most 86400000"
    )
