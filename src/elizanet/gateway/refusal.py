"""Requests that the gateway itself refuses, before any provider is asked."""

from __future__ import annotations

from elizanet.errors import InputError


class Refusal(InputError):
    """A refusal that needs headers of its own, `Allow` for example, or a type (`kind`).

    `caller`: the alias of who is refused, once that is known.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int,
        param: str | None = None,
        kind: str = "invalid_request_error",
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message, param=param, code=code, status=status)
        self.caller = ""
        self.kind = kind
        self.headers = headers


class CallerGone(Exception):
    """The caller closed the connection: nobody is left to be answered."""


class Draining(Exception):
    """The process ends, and with it a call that took longer than it could wait."""
