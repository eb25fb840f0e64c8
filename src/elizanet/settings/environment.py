"""Settings by name: explicit values over environment variables over `.env`.

An empty value counts as not set, in each of the three; 0 and False are values.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from elizanet.settings import dotenv
from elizanet.settings.files import UnreadableError, read_text
from elizanet.settings.origin import Origin
from elizanet.settings.ranges import Range, number_in
from elizanet.settings.references import flaw
from elizanet.settings.report import Report, mistyped, nearest, one_of, shown
from elizanet.settings.secret import Secret

NAMES: Final = (
    "ELIZANET_BASE_URL",
    "ELIZANET_API_KEY",
    "ELIZANET_TIMEOUT",
    "ELIZANET_SMALL_MODEL",
    "ELIZANET_LARGE_MODEL",
    "SMALL_MODEL",
    "LARGE_MODEL",
    "ELIZANET_REASONING_SMALL_MODEL",
    "ELIZANET_REASONING_LARGE_MODEL",
    "ELIZANET_COMPLETION_MODEL",
    "ELIZANET_EMBEDDING_MODEL",
    "ELIZANET_EMBEDDING_DIMENSIONS",
    "ELIZANET_IMAGE_MODEL",
    "ELIZANET_FALLBACK_ENABLED",
    "ELIZANET_FALLBACK_ON",
    "ELIZANET_FALLBACK_PINNED",
    "ELIZANET_PRIMARY_TIMEOUT",
    "ELIZANET_MODELS",
    "ELIZANET_EMBEDDING_ON_FAILURE",
    "ELIZANET_MAX_INPUT_LENGTH",
    "ELIZANET_DB",
    "ELIZANET_CONFIG",
    "OPENAI_BASE_URL",
    "OPENAI_API_KEY",
)
"""Every setting that has a name outside the file."""

DOTENV: Final = ".env"
_PREFIX: Final = "ELIZANET_"
_TYPING_MISTAKE: Final = 0.9
_WORDS: Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


class Environment:
    """Looks settings up by name. What is wrong with a value is told to the report.

    Readers return None where a setting is not given or its value is wrong. `setting` is
    the name under which the origin is noted, by default the name itself. `resolve_keys`: whether
    the keys of the file are wanted, or only where they are.
    """

    def __init__(
        self,
        explicit: Mapping[str, object],
        variables: Mapping[str, str],
        folder: Path,
        report: Report,
        *,
        resolve_keys: bool = True,
    ) -> None:
        self.resolve_keys = resolve_keys
        self._explicit = explicit
        self._variables = variables
        self._dotenv = _read_dotenv(folder / DOTENV, report)
        self._report = report
        self._referred: set[str] = set()

    def variable(self, name: str) -> str | None:
        """Return a variable of the environment or else of `.env`, empty ones included."""
        self._referred.add(name)
        if name in self._variables:
            return self._variables[name]
        return self._dotenv[name].value if name in self._dotenv else None

    def find(self, name: str) -> tuple[object, Origin] | None:
        """Return the value of the first source that has one, and which source that is."""
        value = self._explicit.get(name)
        if value is not None and not _is_blank(value):
            return value, Origin("explicit", name)
        value = self._variables.get(name)
        if value is not None and not _is_blank(value):
            return value, Origin("environment", name)
        line = self._dotenv.get(name)
        if line is not None and not _is_blank(line.value):
            return line.value, Origin(".env", f"{DOTENV}:{line.line}")
        return None

    def get(self, name: str, setting: str | None = None) -> object | None:
        """Return a value as it was given, and note where it came from."""
        found = self.find(name)
        if found is None:
            return None
        value, self._report.origins[setting or name] = found
        return value

    def problem(self, name: str, sentence: str) -> None:
        """Tell what is wrong with a setting: the end of a sentence that begins with its name."""
        found = self.find(name)
        place = f" ({found[1].place})" if found else ""
        self._report.problem(f"{name}{place} {sentence}")

    def wrong(self, name: str, allowed: str) -> None:
        """Tell that the value of a setting is not what is allowed."""
        found = self.find(name)
        self.problem(name, f"is {shown(found[0] if found else None)}; it must be {allowed}")

    def inherit(self, name: str, source: str) -> None:
        """Note that a setting that is not given takes the value, and so the origin, of another."""
        if source in self._report.origins:
            self._report.origins.setdefault(name, self._report.origins[source])

    def text(self, name: str, allowed: str = "a text", setting: str | None = None) -> str | None:
        value = self.get(name, setting)
        if isinstance(value, str):
            return value.strip()
        if value is not None:
            self.wrong(name, allowed)
        return None

    def secret(self, name: str, setting: str | None = None) -> Secret | None:
        value = self.get(name, setting)
        key = value.reveal() if isinstance(value, Secret) else value
        if key is None:
            return None
        why = flaw(key) if isinstance(key, str) else "must be a text"
        if isinstance(key, str) and why is None:
            return Secret(key)
        self.problem(name, str(why))
        return None

    def number(self, name: str, allowed: Range, setting: str | None = None) -> float | None:
        value = self.get(name, setting)
        number = number_in(value.strip()) if isinstance(value, str) else value
        if allowed.admits(number):
            return number
        if value is not None:
            self.wrong(name, str(allowed))
        return None

    def whole(self, name: str, allowed: Range, setting: str | None = None) -> int | None:
        number = self.number(name, allowed, setting)
        return None if number is None else int(number)

    def flag(self, name: str) -> bool | None:
        value = self.get(name)
        if isinstance(value, bool):
            return value
        if isinstance(value, int | float) and value in (0, 1):
            return bool(value)
        word = _WORDS.get(value.strip().lower()) if isinstance(value, str) else None
        if word is None and value is not None:
            self.wrong(name, "true or false (or 1, 0, yes, no, on, off)")
        return word

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        value = self.get(name)
        word = value.strip().lower() if isinstance(value, str) else None
        if word in allowed:
            return word
        if value is not None:
            self.wrong(name, one_of(allowed))
        return None

    def finish(self) -> None:
        """Refuse explicit names that are no settings; warn of variables that nearly are one."""
        known = set(NAMES)
        for name in self._explicit:
            if name not in known:
                self._report.problem(f"{name} is not a setting{nearest(name, known)}")
        for name in {**self._dotenv, **self._variables}:
            if not name.startswith(_PREFIX) or name in known | self._referred:
                continue
            if guess := mistyped(name, known, _TYPING_MISTAKE):
                self._report.warn(f"the variable {name} is not a setting{guess}")


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def _read_dotenv(path: Path, report: Report) -> dict[str, dotenv.Variable]:
    if not path.is_file():  # a folder may have that name: people keep virtual environments in it
        return {}
    try:
        return dotenv.parse(read_text(path), DOTENV, report)
    except UnreadableError as error:
        place = f"{DOTENV}:{error.line}" if error.line else DOTENV
        report.problem(f"{place}: {error}")
        return {}
