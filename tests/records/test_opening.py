"""Where the records are, and what is said where there are none."""

from __future__ import annotations

import builtins
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from elizanet.records.errors import RecordsError
from elizanet.records.location import data_folder, location, shown
from elizanet.records.opening import connect, open_reader, open_recorder
from elizanet.records.reading import Which
from elizanet.settings import Settings, load_settings
from elizanet.telemetry import Capture, Emitter
from support.ended import attempt, ended
from support.recorded import answered, call_id, moved, record

TOML = """
[providers.openai]
base_url = "http://127.0.0.1:9/v1"
[providers.elizanet]
base_url = "http://127.0.0.1:8/v1"
[models."gpt-*"]
chain = [{ target = "openai/*", price = { input = 1.0, output = 10.0 } }, "elizanet/*"]
[records]
capture = "errors"
keep_days = 7
max_size = "1GiB"
"""


@pytest.fixture
def settings_with(tmp_path: Path) -> Callable[[str], Settings]:
    def load(database: str) -> Settings:
        (tmp_path / "elizanet.toml").write_text(TOML)
        return load_settings(environ={"ELIZANET_DB": database})

    return load


def test_a_path_is_relative_to_the_data_folder_unless_it_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Four slashes are absolute, a dot is the working directory."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert data_folder() == tmp_path / "data" / "elizanet"
    assert location("sqlite:///elizanet.db") == tmp_path / "data/elizanet/elizanet.db"
    assert location("sqlite:///team/a.db") == tmp_path / "data/elizanet/team/a.db"
    assert location("sqlite:////srv/x.db") == Path("/srv/x.db")
    assert location("sqlite:///./x.db") == Path("x.db")
    assert location("sqlite:///../x.db") == Path("../x.db")


@pytest.mark.parametrize("url", ["mysql://me:secret@host/db", "sqlite:///", "records.db", ""])
def test_a_place_of_another_kind_is_refused(url: str) -> None:
    """One sentence with what is allowed, without a password."""
    with pytest.raises(RecordsError, match='the place is "sqlite:///PATH", "postgres') as told:
        open_reader(url)
    assert "secret" not in str(told.value)


def test_a_password_is_not_shown() -> None:
    """Neither before the host nor among the parameters."""
    for url in (
        "postgresql://me:secret99@host:5432/db?sslmode=require",
        "postgres://host/db?user=me&password=secret99",
    ):
        assert "secret99" not in shown(url)
        assert "host" in shown(url)


def test_none_records_nothing(settings_with: Callable[[str], Settings]) -> None:
    """And has nothing to read."""
    assert open_recorder(settings_with("none")) is None
    with pytest.raises(RecordsError, match='ELIZANET_DB is "none"'):
        open_reader("none")


def test_a_recorder_does_what_the_settings_say(
    settings_with: Callable[[str], Settings], tmp_path: Path
) -> None:
    """Capture, prices, and a run that is named."""
    settings = settings_with(f"sqlite:///{tmp_path}/a/records.db")
    one = open_recorder(settings, run="run_mine")
    assert one is not None
    assert one.interest.capture is Capture.ERRORS
    Emitter(one)(ended(attempt("openai"), call_id=call_id()))
    one.close()
    assert "7 days, 1073741824 bytes" in repr(one._writer._retention)
    reader = open_reader(settings.database)
    (call,) = reader.calls(Which())
    assert call.run == "run_mine"
    assert call.cost == pytest.approx(0.0003)
    reader.close()


def test_new_settings_bring_new_prices(
    settings_with: Callable[[str], Settings], tmp_path: Path
) -> None:
    """From then on, without a new recorder; runs that nobody names have different names."""
    settings = settings_with(f"sqlite:///{tmp_path}/records.db")
    one, other = open_recorder(settings), open_recorder(settings)
    assert one is not None
    assert other is not None
    assert one.run != other.run
    assert one.run.startswith("run_")
    one.follow(Settings(providers={}, routes=()))
    one(answered())
    one.close()
    reader = open_reader(settings.database)
    assert [call.cost for call in reader.calls(Which())] == [None]
    reader.close()


def test_without_a_file_there_are_no_records_yet(tmp_path: Path) -> None:
    """One sentence, and no file is made by asking."""
    with pytest.raises(RecordsError, match=f"there are no records yet: {tmp_path}/x.db does not"):
        open_reader(f"sqlite:///{tmp_path}/x.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_tables_has_no_records_yet(tmp_path: Path) -> None:
    """Its first writer may be about to make them."""
    (tmp_path / "x.db").touch()
    with pytest.raises(RecordsError, match="there are no records yet"):
        open_reader(f"sqlite:///{tmp_path}/x.db")


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    """With the name of the file."""
    (tmp_path / "x.db").write_text("Dear diary, " * 100)
    with pytest.raises(RecordsError, match=r"x\.db: file is not a database"):
        open_reader(f"sqlite:///{tmp_path}/x.db")


def test_a_folder_is_told_as_one(tmp_path: Path) -> None:
    """Whether it is to be read or to be written."""
    for read_only in (True, False):
        with pytest.raises(RecordsError, match=f"{tmp_path}: Is a directory"):
            connect(f"sqlite:///{tmp_path}", read_only=read_only)


def test_a_copy_where_nobody_can_write_is_read_without_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would have to make files beside it."""
    url = f"sqlite:///{tmp_path / 'records.db'}"
    record(url, answered())
    found = os.statvfs_result((4096, 4096, 1, 1, 1, 1, 1, 1, os.ST_RDONLY, 255))
    monkeypatch.setattr(os, "statvfs", lambda _path: found)
    reader = open_reader(url)
    assert len(reader.calls(Which())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["records.db"]
    reader.close()


def test_a_server_that_is_not_there_is_told_without_its_password() -> None:
    """Soon, and in one sentence."""
    began = time.monotonic()
    with pytest.raises(RecordsError, match="Connect call failed") as told:
        open_reader("postgresql://me:secret99@127.0.0.1:9/db")
    assert "secret99" not in str(told.value)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:s3cr@et:99@127.0.0.1/db", "postgresql://me:s3cr/et:99@127.0.0.1:9/db"],
)
def test_a_url_that_cannot_be_understood_does_not_show_its_password(url: str) -> None:
    """Signs that have to be escaped in it would put pieces of it elsewhere."""
    with pytest.raises(RecordsError, match="this URL cannot be understood") as told:
        open_reader(url)
    assert not any(piece in str(told.value) for piece in ("s3cr", "et:", "99"))


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install."""
    usual = builtins.__import__

    def refuse(name: str, *rest: object) -> object:
        if name == "asyncpg":
            raise ModuleNotFoundError(name)
        return usual(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(RecordsError, match=r"pip install 'elizanet\[postgres\]'"):
        connect("postgresql://127.0.0.1:9/db")


def test_a_reader_finds_the_file_that_has_taken_the_place_of_its_own(tmp_path: Path) -> None:
    """The old one was deleted, and a writer has made a new one."""
    url = f"sqlite:///{tmp_path}/records.db"
    record(url, answered())
    reader = open_reader(url)
    for file in tmp_path.iterdir():
        file.unlink()
    record(url, answered(), moved())
    assert len(reader.calls(Which())) == 2
    reader.close()
    reader.close()
