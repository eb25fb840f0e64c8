"""The files of the page, read once a process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final, NamedTuple

_TYPES: Final = {
    "html": b"text/html; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}


class Asset(NamedTuple):
    """A file as it is served; `tag` changes with its content."""

    kind: bytes
    tag: bytes
    body: bytes


@cache
def assets() -> Mapping[str, Asset]:
    """Return every file under `static`, by its path."""
    return MappingProxyType(dict(_found(files(__package__) / "static", "")))


def _found(folder: Traversable, path: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _found(entry, f"{path}{entry.name}/")
        elif (kind := _TYPES.get(entry.name.rpartition(".")[2])) is not None:
            body = entry.read_bytes()
            tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'.encode()
            found.append((path + entry.name, Asset(kind, tag, body)))
    return found
