"""Requests that the gateway itself refuses, before any provider is asked."""

from __future__ import annotations

from elizanet.errors import InputError


class Refusal(InputError):
    """A refusal that needs headers of its own, `Allow` for example."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int,
        param: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message, param=param, code=code, status=status)
        self.headers = headers


class CallerGone(Exception):
    """The caller closed the connection: nobody is left to be answered."""
