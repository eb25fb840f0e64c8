"""`elizanet migrate`: a configuration of version 1 as it is written today, and that it loads."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from elizanet.cli.errors import guarded
from elizanet.cli.group import elizanet
from elizanet.cli.version_one import FIELDS
from elizanet.settings import Secret, Settings, load_settings

Run = Callable[..., Awaitable[CompletedProcess[str]]]

KEY = "sk-planted-0123456789abcdef"
DOCUMENTED = {"elizaNetUrl": "https://net.example.com", "elizaNetKey": KEY}
WHOLE = {
    **DOCUMENTED,
    "elizaNetTimeout": 45000,
    "elizaNetSmallModel": "small one",
    "elizaNetLargeModel": "org/large:free",
    "elizaNetEmbeddingModel": "embed-3",
    "elizaNetEmbeddingDimensions": "768",
    "elizaNetImageModel": "draw-4",
    "elizaNetFallbackEnabled": False,
}


@pytest.fixture
def old(tmp_path: Path) -> Callable[[object], str]:
    """Write a configuration of version 1 and return its path."""

    def write(content: object) -> str:
        path = tmp_path / "old.json"
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def loaded(folder: Path, **environ: str) -> Settings:
    """Load the settings from what lies in the folder."""
    return load_settings(environ=environ, working_directory=folder)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def check_whole(settings: Settings) -> None:
    """`WHOLE` has arrived, every field of it."""
    provider, models = settings.providers["elizanet"], settings.model_types
    assert provider.base_url == "https://net.example.com/v1"
    assert provider.api_keys == (Secret(KEY),)
    assert provider.timeouts["attempt"] == 45.0
    assert (models.small, models.large, models.image) == ("small one", "org/large:free", "draw-4")
    assert (models.embedding, models.embedding_dimensions) == ("embed-3", 768)
    assert not settings.fallback_enabled
    assert settings.warnings == ()


async def test_the_documented_example_becomes_lines_of_an_env_file(
    run: Run, old: Callable[[object], str]
) -> None:
    """The two fields that version 1 documents, byte for byte as they were."""
    ended = await run("migrate", old(DOCUMENTED))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == (f"ELIZANET_BASE_URL=https://net.example.com\nELIZANET_API_KEY={KEY}\n")


async def test_an_env_file_loads_again(
    run: Run, old: Callable[[object], str], tmp_path: Path
) -> None:
    """Every field, whatever its JSON type was."""
    assert (await run("migrate", old(WHOLE), "--output", ".env")).returncode == 0
    check_whole(loaded(tmp_path))


async def test_json_loads_again_as_explicit_values(
    run: Run, old: Callable[[object], str], tmp_path: Path
) -> None:
    """One object of texts, as a character's settings are; migrating it again changes nothing."""
    ended = await run("migrate", old(WHOLE), "--format", "json")
    values = json.loads(ended.stdout)
    assert all(isinstance(value, str) for value in values.values())
    check_whole(load_settings(explicit=values, environ={}, working_directory=tmp_path))
    again = await run("migrate", "-", "--format", "json", stdin=ended.stdout.encode())
    assert again.stdout == ended.stdout


async def test_toml_refers_to_the_key_instead_of_holding_it(
    run: Run, old: Callable[[object], str], tmp_path: Path
) -> None:
    """A configuration file is read and copied by many; what is missing is told."""
    path = old({**DOCUMENTED, "elizaNetTimeout": 1500.5})
    ended = await run("migrate", path, "--format", "toml", "--output", "elizanet.toml")
    assert ended.returncode == 0
    assert "set the variable ELIZANET_API_KEY" in ended.stderr
    assert KEY not in (tmp_path / "elizanet.toml").read_text(encoding="utf-8")
    provider = loaded(tmp_path, ELIZANET_API_KEY=KEY).providers["elizanet"]
    assert (provider.base_url, provider.api_keys) == ("https://net.example.com/v1", (Secret(KEY),))
    assert provider.timeouts["attempt"] == 1.5005


async def test_what_has_no_place_in_toml_is_not_lost(
    run: Run, old: Callable[[object], str]
) -> None:
    """It is refused, with the way out."""
    ended = await run("migrate", old(WHOLE), "--format", "toml")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "ELIZANET_SMALL_MODEL and ELIZANET_LARGE_MODEL" in ended.stderr
    assert "have no place in elizanet.toml; use --format env" in ended.stderr


@pytest.mark.parametrize("form", ["env", "json"])
@pytest.mark.parametrize(
    "key",
    ["$HOME", "a b", "a#b", " #c".strip(), "it's", '"', "'\"", "\\n", "'\\n\"$X\\", "=", "env:X"],
)
async def test_no_character_of_a_key_is_lost(
    form: str, key: str, run: Run, old: Callable[[object], str], tmp_path: Path
) -> None:
    """Blanks, quotes, hashes, dollars and backslashes come back as they were."""
    ended = await run("migrate", old({"elizaNetKey": key}), "--format", form)
    if form == "env":
        (tmp_path / ".env").write_text(ended.stdout, encoding="utf-8")
        settings = loaded(tmp_path)
    else:
        explicit = json.loads(ended.stdout)
        settings = load_settings(explicit=explicit, environ={}, working_directory=tmp_path)
    assert settings.providers["elizanet"].api_keys == (Secret(key),)


@pytest.mark.parametrize("form", ["env", "json", "toml"])
async def test_a_terminal_never_shows_the_key(
    form: str, run_in_terminal: Run, old: Callable[[object], str]
) -> None:
    """It shows that there is one, and says how to get it."""
    ended = await run_in_terminal("migrate", old(DOCUMENTED), "--format", form, columns=200)
    assert ended.returncode == 0
    assert KEY not in ended.stdout
    assert "https://net.example.com" in ended.stdout
    assert ("****" in ended.stdout) is (form != "toml")
    assert "The key is not" in ended.stdout


async def test_a_file_is_for_its_owner_alone(
    run: Run, run_in_terminal: Run, old: Callable[[object], str], tmp_path: Path
) -> None:
    """It has the key, also where a terminal watches, and nobody else may read it."""
    ended = await run_in_terminal("migrate", old(DOCUMENTED), "--output", ".env")
    assert ended.returncode == 0
    assert ended.stdout.strip() == ".env: ELIZANET_BASE_URL, ELIZANET_API_KEY"
    assert KEY in (tmp_path / ".env").read_text(encoding="utf-8")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


async def test_an_existing_file_is_kept_unless_force_is_given(
    run: Run, old: Callable[[object], str], tmp_path: Path
) -> None:
    """With it the whole file is replaced, and whoever could read the old one cannot read it."""
    file, path = tmp_path / ".env", old(DOCUMENTED)
    file.write_text("MINE=1\n", encoding="utf-8")
    file.chmod(0o644)
    ended = await run("migrate", path, "--output", ".env")
    assert ended.returncode == 1
    assert ended.stderr == "elizanet: .env exists already; --force replaces it\n"
    assert file.read_text(encoding="utf-8") == "MINE=1\n"
    assert (await run("migrate", path, "--output", ".env", "--force")).returncode == 0
    assert file.read_text(encoding="utf-8").startswith("ELIZANET_BASE_URL=")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert names_in(tmp_path) == [".env", "old.json"]


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("output", ["folder", "none/.env", "a\0b"])
async def test_a_file_that_cannot_be_written_is_one_sentence(
    output: str,
    force: list[str],
    old: Callable[[object], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is left behind."""
    (tmp_path / "folder").mkdir()
    path = old(DOCUMENTED)
    assert guarded(elizanet, ["migrate", path, "--output", output, *force]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "cannot be written" in told or "exists already" in told
    assert names_in(tmp_path) == ["folder", "old.json"]


async def test_every_unknown_field_is_named(run: Run, old: Callable[[object], str]) -> None:
    """With what may have been meant; without a decision nothing is written."""
    path = old({**DOCUMENTED, "elizaNetTimeOut": 1, "\x1b[2Jplugins": []})
    ended = await run("migrate", path)
    assert (ended.returncode, ended.stdout) == (1, "")
    first, second = ended.stderr.splitlines()
    assert first == (
        f'elizanet migrate: {path}: "elizaNetTimeOut" is no field of version 1; '
        'did you mean "elizaNetTimeout"?'
    )
    assert "plugins" in second
    assert "\x1b" not in second
    ended = await run("migrate", path, "--ignore-unknown")
    assert ended.returncode == 0
    assert ended.stderr.count("; it is left out\n") == 2
    assert len(ended.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"elizaNetUrl": "net.example.com"}, "elizaNetUrl must begin with http:// or https://"),
        ({"elizaNetUrl": 7}, "elizaNetUrl is 7; it must be a URL"),
        ({"elizaNetKey": [KEY]}, "elizaNetKey must be a text"),
        ({"elizaNetKey": f"{KEY}\n"}, "elizaNetKey has a line break"),
        ({"elizaNetTimeout": "soon"}, 'elizaNetTimeout is "soon"; it must be a number of milli'),
        ({"elizaNetTimeout": True}, "elizaNetTimeout is true; it must be a number of milli"),
        ({"elizaNetTimeout": 0}, "elizaNetTimeout is 0; it must be a number of milliseconds above"),
        ({"elizaNetEmbeddingDimensions": 1.5}, "elizaNetEmbeddingDimensions is 1.5; it must be"),
        ({"elizaNetFallbackEnabled": "maybe"}, 'elizaNetFallbackEnabled is "maybe"; it must be'),
        ({"elizaNetImageModel": {}}, "elizaNetImageModel is a table; it must be the name of a"),
        (
            {"elizaNetUrl": "http://a", "elizaNetBaseUrl": "http://b"},
            "elizaNetBaseUrl and elizaNetUrl both mean ELIZANET_BASE_URL; keep one of them",
        ),
    ],
)
async def test_a_wrong_value_is_one_sentence_about_its_field(
    fields: object, sentence: str, run: Run, old: Callable[[object], str]
) -> None:
    """In the loader's words, under the name that the old file has for it."""
    path = old(fields)
    ended = await run("migrate", path, "--ignore-unknown")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"elizanet migrate: {path}: {sentence}")
    assert ended.stderr.count("\n") == 1
    assert KEY not in ended.stderr


async def test_every_wrong_value_is_told_at_once(run: Run, old: Callable[[object], str]) -> None:
    """Also together with what is unknown."""
    ended = await run("migrate", old({"elizaNetUrl": 1, "elizaNetTimeout": "x", "other": 1}))
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{'elizaNetUrl': 1}", "is not JSON: Expecting property name enclosed in double quotes"),
        ("", "is not JSON: Expecting value (line 1, column 1)"),
        ('["elizaNetUrl"]', "must be one JSON object, not a list"),
        ('"http://a"', "must be one JSON object, not a text"),
        ("12", "must be one JSON object, not a number"),
        ("null", "must be one JSON object, not null"),
        ("[" * 200_000, "is no JSON to be read"),
        ('{"elizaNetTimeout": ' + "9" * 10_000 + "}", "is no JSON to be read"),
        ("{}", "sets nothing, so there is nothing to migrate"),
        ('{"elizaNetUrl": null, "elizaNetKey": " "}', "sets nothing, so there is nothing to"),
        ("x" * (1 << 20) + "x", "than 1 MiB"),
    ],
)
@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
async def test_what_is_no_configuration_is_one_sentence(
    text: str, sentence: str, *, piped: bool, run: Run, old: Callable[[object], str]
) -> None:
    """From a file and from standard input alike."""
    ended = await run("migrate", "-" if piped else old(text), stdin=text.encode())
    assert (ended.returncode, ended.stdout) == (1, "")
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("elizanet: the standard input " if piped else "elizanet: /")


async def test_a_file_that_is_missing_or_no_text_is_one_sentence(run: Run, tmp_path: Path) -> None:
    """And so is input that is no text."""
    ended = await run("migrate", "missing.json")
    assert ended.returncode == 1
    assert ended.stderr == (
        "elizanet: missing.json cannot be read: there is no file at missing.json\n"
    )
    (tmp_path / "old.json").write_bytes(b"\xff\xfe")
    assert "the file is not UTF-8" in (await run("migrate", "old.json")).stderr
    assert "is not UTF-8" in (await run("migrate", "-", stdin=b"\xff\xfe")).stderr


async def test_only_the_old_configuration_counts(
    run: Run, old: Callable[[object], str], tmp_path: Path
) -> None:
    """Neither the variables of the shell nor the files of the folder, though they be wrong."""
    (tmp_path / "elizanet.toml").write_text("wrong = 1\n", encoding="utf-8")
    (tmp_path / ".env").write_text("ELIZANET_TIMEOUT=never\n", encoding="utf-8")
    ended = await run("migrate", old(DOCUMENTED), ELIZANET_SMALL_MODEL="", ELIZANET_TIMEOUT="x")
    assert ended.returncode == 0
    assert len(ended.stdout.splitlines()) == 2


async def test_a_byte_order_mark_is_no_mistake(run: Run, old: Callable[[object], str]) -> None:
    """Editors of Windows write one."""
    text = "\ufeff" + json.dumps(DOCUMENTED)
    assert (await run("migrate", old(text))).returncode == 0
    assert (await run("migrate", "-", stdin=text.encode())).returncode == 0


async def test_the_help_and_the_page_name_every_field(run: Run) -> None:
    """Each with the setting that it becomes."""
    told = (await run("migrate", "--help")).stdout
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = page.partition("## From version 1\n")[2].partition("\n## ")[0]
    in_page = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", section, re.MULTILINE))
    in_help = dict(re.findall(r"^ +(elizaNet\w+) +(ELIZANET_\w+)", told, re.MULTILINE))
    aliases = {"elizaNetBaseUrl", "elizaNetApiKey"}
    camel_case = {field: name for field, name in FIELDS.items() if not field.isupper()}
    expected = {field: name for field, name in camel_case.items() if field not in aliases}
    assert in_page == in_help == expected
    assert all(field in told and field in section for field in aliases)
