"""A candidate in its place: behind uvicorn, in a gateway that only forwards.

`python -m benchmarks.http_clients.gateway CANDIDATE PORT URL` serves it on core 0;
`load` is the other side. CANDIDATE `none` answers by itself: the server's own cost.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from benchmarks.http_clients.costs import BODY, make

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]

REQUEST = (
    b"POST / HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n" % len(BODY)
) + BODY
END = b'"}}]}'
OWN_ANSWER = b"x" * (623 - len(END)) + END
HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"623")],
}
HEADERS = [("authorization", "Bearer sk-test"), ("content-type", "application/json")]


class Gateway:
    """The least an ASGI gateway can do."""

    def __init__(self, name: str, url: str) -> None:
        self.name, self.url = name, url
        self.client: Any = None

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        del scope
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        answer = OWN_ANSWER if self.name == "none" else await self.forward(body)
        await send(HEAD)
        await send({"type": "http.response.body", "body": answer})

    async def forward(self, body: bytes) -> bytes:
        if self.client is None:
            self.client = make(self.name)
        answer = await self.client.post(self.url, HEADERS, body)
        answer.headers()
        parts = []
        while (data := await answer.read()) is not None:
            parts.append(data)
        await answer.close()
        return b"".join(parts)


class Caller(asyncio.Protocol):
    """Sends the same request again each time an answer is complete."""

    def __init__(self, requests: int, done: asyncio.Future[None]) -> None:
        self.left, self.done = requests, done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        if not data.endswith(END):
            return
        self.left -= 1
        if self.left:
            self.transport.write(REQUEST)
        else:
            self.transport.close()
            self.done.set_result(None)


def same(caller: Caller) -> Caller:
    return caller


async def load(port: int, callers: int, requests: int) -> None:
    loop = asyncio.get_running_loop()
    waits = []
    for _ in range(callers):
        done = loop.create_future()
        waits.append(done)
        caller = Caller(requests // callers, done)
        await loop.create_connection(partial(same, caller), "127.0.0.1", port)
    await asyncio.gather(*waits)


def cpu_us(pid: int) -> float:
    """Processor time of a process and all its threads."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e3


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


async def measure(name: str, url: str) -> dict[str, float]:
    """Microseconds of the gateway's processor time a forwarded request; the best of 12 rounds."""
    port = free_port()
    command = [sys.executable, "-m", __spec__.name, name, str(port), url + "/unary"]
    gateway = subprocess.Popen(command)  # noqa: ASYNC220
    try:
        while True:
            try:
                await load(port, 64, 1280)
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
        best = float("inf")
        for _ in range(12):
            before = cpu_us(gateway.pid)
            await asyncio.wait_for(load(port, 64, 1280), 30)
            best = min(best, (cpu_us(gateway.pid) - before) / 1280)
    finally:
        gateway.terminate()
        gateway.wait()
    return {"us": best}


def serve(name: str, port: int, url: str) -> None:
    os.sched_setaffinity(0, {0})
    config = uvicorn.Config(
        Gateway(name, url), port=port, log_level="error", access_log=False, lifespan="off"
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3])
