"""The one door to the network: a pool of connections, and every failure as one error."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from elizanet.call import Headers

if TYPE_CHECKING:
    from pyreqwest.client import Client
    from pyreqwest.exceptions import RequestError
    from pyreqwest.request import StreamRequest
    from pyreqwest.response import Response


class Problem(Enum):
    """Where on the way a request failed."""

    DNS = "the host name was not found"
    REFUSED = "the connection was refused"
    TLS = "no trust could be established"
    CONNECT_TIMEOUT = "no connection in time"
    CLOSED = "the connection closed before an answer"
    NOT_HTTP = "the answer is not HTTP"
    CUT = "the answer was cut off"
    TOO_LARGE = "the head of the answer is too large"


class TransportError(Exception):
    """A request without a complete HTTP answer; `problem` says how far it came."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(f"{problem.value} ({detail})" if detail else problem.value)
        self.problem = problem


class HttpReply:
    """An HTTP answer whose head is known. Close it; an unfinished one is cut."""

    __slots__ = ("_request", "_response", "headers", "status")

    def __init__(self, request: StreamRequest, response: Response) -> None:
        self._request = request
        self._response = response
        self.status = response.status
        self.headers: Headers = tuple((n.lower(), v) for n, v in response.headers.items())

    def __repr__(self) -> str:
        return f"<HttpReply {self.status}>"

    async def chunk(self) -> bytes:
        """Return the next bytes of the body, decoded; b"" at its end. Raises `TransportError`."""
        from pyreqwest.exceptions import RequestError  # noqa: PLC0415

        try:
            chunk = await self._response.body_reader.read_chunk()
        except RequestError as error:
            raise _translated(error, Problem.CUT) from error
        return b"" if chunk is None else chunk.to_bytes()

    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end, else cut it."""
        await self._request.__aexit__(None, None, None)


class Http:
    """Connections to all providers, kept alive and shared by all calls."""

    def __init__(self) -> None:
        self._clients: dict[float, Client] = {}

    def __repr__(self) -> str:
        return f"<Http clients={len(self._clients)}>"

    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        *,
        connect_timeout: float,
    ) -> HttpReply:
        """Send a request and return its answer's head. Raises `TransportError`."""
        from pyreqwest.exceptions import RequestError  # noqa: PLC0415

        request = self._client(connect_timeout).request(method, url).headers(list(headers))
        if body is not None:
            request = request.body_bytes(body)
        streamed = request.streamed_read_buffer_limit(0).build_streamed()
        try:
            return HttpReply(streamed, await streamed.__aenter__())
        except RequestError as error:
            raise _translated(error, Problem.CLOSED) from error

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    def _client(self, connect_timeout: float) -> Client:
        client = self._clients.get(connect_timeout)
        if client is None:
            from pyreqwest.client import ClientBuilder  # noqa: PLC0415

            builder = ClientBuilder().follow_redirects(False).http1_lower_case_headers()
            builder = builder.connect_timeout(timedelta(seconds=connect_timeout))
            client = self._clients[connect_timeout] = builder.build()
        return client


def _translated(error: RequestError, otherwise: Problem) -> TransportError:
    return TransportError(otherwise, f"{type(error).__name__}: {error} {error.details}")
