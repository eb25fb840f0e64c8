"""One question and its answer, printed as it comes."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import click

from elizanet.cli.attempts import AttemptLog
from elizanet.cli.bar import waiting
from elizanet.cli.errors import ExitCode, complain, note
from elizanet.cli.terminal import is_terminal, printable
from elizanet.errors import CallFailed, InputError
from elizanet.library import Elizanet
from elizanet.model_types import text
from elizanet.operation import Operation
from elizanet.records.opening import NONE
from elizanet.settings import Settings
from elizanet.telemetry import describe

_BY = "elizanet chat"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of which model, and whether the answer is to come in pieces."""

    model: str
    message: str
    system: str | None
    stream: bool


async def converse(settings: Settings, request: Request, *, explain: bool) -> ExitCode:
    """Print the answer; what went wrong instead is told in one sentence.

    `explain` tells the attempts on standard error afterwards, whatever came of them.
    """
    log = AttemptLog()
    page = _Page()
    failure: CallFailed | None = None
    async with Elizanet(settings, sinks=(log,)) as net:
        try:
            async with aclosing(_pieces(net, request)) as pieces:
                async for piece in pieces:
                    page.add(piece)
        except InputError as error:
            complain(str(error), by=_BY)
            return ExitCode.USAGE
        except CallFailed as error:
            failure = error
    page.end()
    if explain:
        for attempt in log.attempts:
            note(f"attempt {attempt.number}, at {attempt.started:.3f} s: {describe(attempt)}")
        if settings.database != NONE and log.call_id:
            note(f"why it went there: elizanet explain {log.call_id}")
    if failure is None:
        return ExitCode.GOOD
    complain(_told(failure, log, begun=page.begun), by=_BY)
    return ExitCode.FAILED


async def _pieces(net: Elizanet, request: Request) -> AsyncGenerator[str, None]:
    """Yield the text of the answer as it comes; a unary one is one piece."""
    given: dict[str, object] = {"prompt": request.message, "system": request.system}
    messages = text.messages(given, net.settings.max_input_length)
    fields = {"model": request.model, "messages": messages}
    async with waiting(f"asking for {printable(request.model)}"):
        answer = await net.send(Operation.CHAT, fields, stream=request.stream)
    async with answer:
        if not request.stream:
            yield text.text_in(await answer.read())
            return
        while (event := await answer.next()) is not None:
            if event.data:
                yield text.piece_in(event.data)


class _Page:
    """Prints pieces at once; a terminal gets nothing that it would obey."""

    def __init__(self) -> None:
        self._guarded = is_terminal(sys.stdout)
        self._last = ""

    def __repr__(self) -> str:
        return f"<_Page {'begun' if self.begun else 'empty'}>"

    @property
    def begun(self) -> bool:
        """Whether anything was printed."""
        return bool(self._last)

    def add(self, piece: str) -> None:
        if piece:
            click.echo(printable(piece) if self._guarded else piece, nl=False)
            self._last = piece[-1]

    def end(self) -> None:
        """Begin a new line where the answer left one open."""
        if self.begun and self._last != "\n":
            click.echo()


def _told(failure: CallFailed, log: AttemptLog, *, begun: bool) -> str:
    """Say in one sentence what each of those who were asked said."""
    said = [describe(attempt) for attempt in log.attempts if attempt.failure_class]
    return f"{'the answer broke off' if begun else 'no answer'}: {'; '.join(said) or failure}"
