"""Real exceptions, with real causes, tracebacks and tasks."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping
from enum import StrEnum

import pytest

from elizanet.classify import Failure, classify
from elizanet.errors import FailureClass, Verdict


class Response:
    """As much of a client's response as anybody reads."""

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes = b"") -> None:
        self.status_code = status
        self.headers = headers
        self._content = content


class StatusError(Exception):
    def __init__(self, message: str, response: Response) -> None:
        super().__init__(message)
        self.response = response


class ResponseNotRead(RuntimeError):
    pass


class ReadTimeout(Exception):
    pass


class ConnectError(Exception):
    pass


def verdict_on(exception: BaseException) -> Verdict:
    return classify(Failure.from_exception("provider", exception))


def test_a_refused_connection_is_a_connection_failure() -> None:
    """The operating system's own exception is understood."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError) as caught:
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert verdict_on(caught.value).failure_class is FailureClass.CONNECTION


def test_the_cause_is_believed_before_the_wrapper() -> None:
    """What a client wraps in "Connection error." is what happened."""
    wrapper = type("APIConnectionError", (Exception,), {})("Connection error.")
    wrapper.__cause__ = ReadTimeout("")
    assert verdict_on(wrapper).failure_class is FailureClass.TIMEOUT


def test_a_context_counts_unless_it_is_suppressed() -> None:
    """`raise ... from None` says that what went before is no reason."""
    error = RuntimeError("no idea")
    error.__context__ = ConnectError("[Errno 111] Connection refused")
    assert verdict_on(error).failure_class is FailureClass.CONNECTION
    error.__suppress_context__ = True
    assert verdict_on(error).failure_class is FailureClass.UNKNOWN


def test_an_older_attempt_is_no_cause() -> None:
    """A client that tried again after a timeout, and was refused, was refused."""
    error = StatusError("Client error '401 Unauthorized' for url 'x'", Response(401, {}))
    error.__context__ = ReadTimeout("")
    assert verdict_on(error).failure_class is FailureClass.AUTH
    error = StatusError("made up", Response(500, {}))
    error.__context__ = ReadTimeout("")
    assert verdict_on(error).failure_class is FailureClass.TIMEOUT


def test_a_group_is_what_its_member_is() -> None:
    """A task group only says how many failed."""
    group = ExceptionGroup("unhandled errors in a TaskGroup", [ConnectError("refused")])
    assert verdict_on(group).failure_class is FailureClass.CONNECTION


def test_the_response_of_an_exception_is_read() -> None:
    """Status, headers and the body that was already read all count."""
    body = json.dumps({"error": {"message": "no", "code": "insufficient_quota"}}).encode()
    error = StatusError("oh", Response(429, {"Retry-After": "7"}, body))
    verdict = verdict_on(error)
    assert verdict.failure_class is FailureClass.QUOTA_EXHAUSTED
    assert verdict.retry_after_s == 7


def test_an_unread_response_is_found_in_the_traceback() -> None:
    """The client hides the status of a failed stream; the frame that held the response knows it."""

    def client(status: int) -> None:
        response = Response(status, {})
        raise ResponseNotRead(
            f"Attempted to access streaming response content {len(vars(response))}"
        )

    for status, wanted in (
        (429, "rate_limit"),
        (503, "overloaded"),
        (401, "auth"),
        (400, "bad_request"),
    ):
        with pytest.raises(ResponseNotRead) as caught:
            client(status)
        assert verdict_on(caught.value).failure_class == wanted
    assert verdict_on(ResponseNotRead("x")).failure_class is FailureClass.UNKNOWN


def test_a_network_error_with_a_telling_status_is_what_the_status_says() -> None:
    """Some clients call every failure a NetworkError."""
    for status, wanted in (
        (401, "auth"),
        (400, "bad_request"),
        (402, "quota_exhausted"),
        (503, "overloaded"),
    ):
        error = type("NetworkError", (Exception,), {"status_code": status})("API request failed")
        assert verdict_on(error).failure_class == wanted


def test_a_code_may_be_an_enumeration() -> None:
    """`code` is a string, a number or a member of an enumeration."""

    class Code(StrEnum):
        LIMIT = "rate_limit_exceeded"

    error = type("GroqError", (Exception,), {"code": Code.LIMIT, "retry_after": 3.0})("")
    assert verdict_on(error) == Verdict(FailureClass.RATE_LIMIT, True, True, 3.0)


async def test_a_cancelled_task_was_cancelled_by_its_caller() -> None:
    """Nobody is waiting when somebody asked this very task to stop."""
    seen: list[Verdict] = []

    async def call() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError as error:
            seen.append(verdict_on(error))
            raise

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert seen[0].failure_class is FailureClass.CANCELLED
    assert not seen[0].fallback


async def test_a_cancellation_nobody_asked_for_falls_back() -> None:
    """A library that cancels its own inner task leaves a caller who still waits."""
    inner = asyncio.get_running_loop().create_future()
    inner.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await inner
    verdict = verdict_on(caught.value)
    assert verdict.failure_class is FailureClass.CONNECTION
    assert verdict.fallback


async def test_a_timeout_is_no_cancellation() -> None:
    """`asyncio.timeout` works by cancelling; the outer error is what counts."""
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0):
            await asyncio.sleep(1)
    assert verdict_on(caught.value).failure_class is FailureClass.TIMEOUT
