"""Where on its way a request failed: an error of the system becomes one of ours."""

from __future__ import annotations

import errno
import socket
import ssl
from enum import Enum
from typing import Final


class Problem(Enum):
    """How far a request came before it failed."""

    DNS = "the host name was not found"
    REFUSED = "the connection was refused"
    UNREACHABLE = "the host cannot be reached"
    CONNECT_TIMEOUT = "no connection in time"
    TLS = "TLS could not be established"
    PROXY = "the proxy did not connect"
    LOCAL = "no connection can be opened on this machine"
    CLOSED = "the connection closed before an answer"
    NOT_HTTP = "the answer is not HTTP"
    HEAD_TOO_LARGE = "the head of the answer is too large"
    CUT = "the answer was cut off"
    BAD_ENCODING = "the answer's content encoding cannot be decoded"


class TransportError(Exception):
    """A request without a complete HTTP answer; `problem` says how far it came."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(f"{problem.value}: {detail}" if detail else problem.value)
        self.problem = problem
        self._detail = detail

    def anew(self) -> TransportError:
        """Return the same error: one that was raised holds the frames that it passed through."""
        return TransportError(self.problem, self._detail)


_UNREACHABLE: Final = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.ENETDOWN, errno.EADDRNOTAVAIL}
)
_LOCAL: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def while_connecting(error: OSError) -> TransportError:
    """Return what an error during DNS, TCP or TLS stands for."""
    if isinstance(error, socket.gaierror):
        return TransportError(Problem.DNS, error.strerror or "")
    if isinstance(error, ssl.SSLCertVerificationError):
        return TransportError(Problem.TLS, error.verify_message)
    if isinstance(error, ssl.SSLError):
        return TransportError(Problem.TLS, (error.reason or "").replace("_", " ").lower())
    if isinstance(error, ConnectionRefusedError):
        return TransportError(Problem.REFUSED)
    if isinstance(error, ConnectionError):
        return TransportError(Problem.CLOSED, "while connecting")
    if error.errno in _LOCAL:
        return TransportError(Problem.LOCAL, error.strerror or "")
    if error.errno in _UNREACHABLE:
        return TransportError(Problem.UNREACHABLE, error.strerror or "")
    # asyncio joins the errors of several addresses of a host into one text without a number.
    refused = f"[Errno {errno.ECONNREFUSED}]" in str(error)
    return TransportError(Problem.REFUSED if refused else Problem.UNREACHABLE)
