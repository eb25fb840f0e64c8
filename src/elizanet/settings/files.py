"""Reading a small text file whole, or saying in one sentence why not."""

from __future__ import annotations

from pathlib import Path
from typing import Final

LARGEST_FILE: Final = 1024 * 1024


class UnreadableError(ValueError):
    """A file that cannot be used; `line` is where, if that is known."""

    def __init__(self, sentence: str, line: int | None = None) -> None:
        super().__init__(sentence)
        self.line = line


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file of up to 1 MiB. Raises UnreadableError."""
    content = _read(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableError("the file is not UTF-8", line) from None


def located(name: str | Path, folder: Path) -> Path:
    """Return the path of a name in a folder; `~` is the user's home. Raises UnreadableError."""
    try:
        return folder / Path(name).expanduser()
    except RuntimeError:
        raise UnreadableError("the home folder of ~ is not known") from None


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise UnreadableError(f"there is no file at {path}")
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UnreadableError(f"the file at {path} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_FILE:
        raise UnreadableError(f"the file at {path} is larger than 1 MiB")
    return content
