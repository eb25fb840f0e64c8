"""Where a value came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Origin:
    """A kind of source, and in it the name of the setting, or `file:line`."""

    kind: Literal["explicit", "environment", ".env", "file", "default"]
    where: str = ""

    def __str__(self) -> str:
        if self.kind in ("explicit", "environment"):
            return f"{self.kind} {self.where}"
        return self.where or self.kind

    @property
    def place(self) -> str:
        """What a sentence puts behind a setting's name, which it has said already."""
        return self.where if self.kind in (".env", "file") else self.kind


DEFAULT = Origin("default")
