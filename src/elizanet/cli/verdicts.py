"""Judges cases: lines of JSON in, lines of JSON out; or one error, told readably."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Final

import click

from elizanet.classify import Classifier, Failure
from elizanet.cli.bar import LateBar
from elizanet.cli.errors import complain
from elizanet.cli.terminal import is_terminal
from elizanet.errors import Verdict
from elizanet.hooks import load_hook
from elizanet.settings import load_settings

_BY: Final = "elizanet classify"
_LARGEST_BODY: Final = 1 << 20
"""Bytes of a body that are read from a file; the classifier looks at far fewer."""


class Judge:
    """The classifier, with the rule of a configuration file if one is given.

    `complaints` counts the sentences about lines and about the rule. Raises
    `ConfigurationError`.
    """

    def __init__(self, config: str | None) -> None:
        hook = load_settings(config_file=config).hooks.classify if config else None
        rules = (load_hook("classify", hook),) if hook else ()
        self._classifier = Classifier(rules, self._rule_failed)
        self._rule_has_failed = False
        self.complaints = 0

    def __repr__(self) -> str:
        return f"<Judge {self._classifier!r} {self.complaints} complaints>"

    def verdict(self, case: Mapping[str, object]) -> Verdict:
        """Return what a case means."""
        return self._classifier.verdict(Failure.from_case(case))

    def complain(self, sentence: str) -> None:
        """Tell what cannot be judged."""
        self.complaints += 1
        complain(sentence, by=_BY)

    def _rule_failed(self, error: Exception) -> None:
        """Tell the first failure of the user's rule; it may fail for a million lines."""
        if not self._rule_has_failed:
            self._rule_has_failed = True
            self.complain(f"hooks.classify failed: {type(error).__name__}: {error}")


def judged(judge: Judge, cases: BinaryIO) -> Iterator[str]:
    """Yield the verdict of each line as it is read; what is no case is told, and left out."""
    bar = LateBar(None if is_terminal(sys.stdout) else sys.stderr, "judging", _size(cases))
    done = 0
    with bar:
        for number, line in enumerate(cases, 1):
            done += len(line)
            bar.update(done)
            if not line.strip():
                continue
            try:
                yield _judged_line(judge, line)
            except (ValueError, RecursionError) as error:
                judge.complain(f"line {number} is not a JSON object: {_reason(error)}")


def described(
    provider: str | None, status: int | None, headers: Sequence[str], body: str | None
) -> dict[str, object]:
    """Return one error, given by options, as a case."""
    pairs = [_header(header) for header in headers]
    told = {"provider": provider, "kind": "http", "status": status, "body": _body(body)}
    return {**told, "headers": dict(pairs)}


def show(verdict: Verdict) -> None:
    """Print the verdict of one error: for people on a terminal, else as JSON."""
    if not is_terminal(sys.stdout):
        click.echo(_line(None, verdict))
        return
    fallback = "yes, ask the next provider" if verdict.fallback else "no, nobody else would do"
    retry = "may help" if verdict.retry_same_provider else "would not help"
    delay = verdict.retry_after_s
    click.secho(str(verdict.failure_class), bold=True)
    click.echo(f"  fall back      {fallback}")
    click.echo(f"  same provider  another try {retry}")
    click.echo(f"  stated delay   {'none' if delay is None else f'{delay:g} s'}")


def _judged_line(judge: Judge, line: bytes) -> str:
    case = json.loads(line)
    if not isinstance(case, dict):
        raise ValueError(f"it is a {type(case).__name__}")
    return _line(case.get("id"), judge.verdict(case))


def _line(name: object, verdict: Verdict) -> str:
    delay = verdict.retry_after_s
    fields = {
        "id": name,
        "class": verdict.failure_class,
        "fallback": verdict.fallback,
        "retry_same_provider": verdict.retry_same_provider,
        "retry_after_s": None if delay is None else round(delay, 6),
    }
    return json.dumps(fields, allow_nan=False)


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]


def _size(cases: BinaryIO) -> int | None:
    """Return the size of a file in bytes, None for what has no end yet."""
    try:
        found = os.fstat(cases.fileno())
    except (OSError, ValueError):
        return None
    return found.st_size if S_ISREG(found.st_mode) else None


def _header(header: str) -> tuple[str, str]:
    name, colon, value = header.partition(":")
    if not (colon and name.strip()):
        raise click.UsageError(f"--header is {header!r}; it must be 'name: value'")
    return name.strip(), value.strip()


def _body(given: str | None) -> str | None:
    if given is None or not given.startswith("@"):
        return given
    try:
        with Path(given[1:]).open("rb") as file:
            return file.read(_LARGEST_BODY).decode("utf-8", "replace")
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or error
        raise click.UsageError(f"--body {given} cannot be read: {reason}") from None
