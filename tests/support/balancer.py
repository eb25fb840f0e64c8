"""A load balancer as operators use one: it honours `/ready`, and never retries.

Every second request has a connection of its own. What cannot be passed on is a 502 that it counts:
nothing that a gateway loses is hidden.
"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from typing import Self

from elizanet.http import Http, HttpReply, TransportError
from elizanet.limit import Limit, LimitReached

PROBE_S = 0.25
"""Seconds between two looks at `/ready`."""
_HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive"})


class Balancer:
    """Passes requests on to those of the gateways (`http://host:port`) that are ready.

    async with Balancer("http://127.0.0.1:8001", "http://127.0.0.1:8002") as front:
        front.base_url
    """

    def __init__(self, *gateways: str) -> None:
        self.ready = dict.fromkeys(gateways, False)
        self.lost: list[str] = []
        self.base_url = ""
        self._turns = itertools.count()
        self._http = Http()
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Balancer {self.ready} lost={len(self.lost)}>"

    async def until_ready(self, count: int) -> None:
        """Wait until so many gateways are ready."""
        async with asyncio.timeout(20):
            while sum(self.ready.values()) != count:
                await asyncio.sleep(0.02)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        self._prober = asyncio.create_task(self._probe())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._server.close()
        for task in (self._prober, *self._tasks):
            task.cancel()
        await asyncio.gather(self._prober, *self._tasks, return_exceptions=True)
        await self._http.aclose()

    async def _probe(self) -> None:
        while True:
            for gateway in self.ready:
                self.ready[gateway] = await self._is_ready(gateway)
            await asyncio.sleep(PROBE_S)

    async def _is_ready(self, gateway: str) -> bool:
        loop = asyncio.get_running_loop()
        try:
            with Limit(loop.time() + 2.0):
                reply = await self._http.send(
                    "GET", f"{gateway}/ready", (), None, connect_timeout=1.0
                )
                while await reply.chunk():
                    pass
        except (TransportError, LimitReached):
            return False
        return reply.status == 200

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                await self._pass_on(reader, writer)
        writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        method, path, _ = first.split(" ")
        given = [(n.lower(), v) for n, v in (line.split(": ", 1) for line in lines)]
        body = await reader.readexactly(int(dict(given).get("content-length", "0")))
        headers = tuple((n, v) for n, v in given if n not in _HOP and n != "host")
        ready = [gateway for gateway, is_ready in self.ready.items() if is_ready]
        try:
            if not ready:
                raise ConnectionResetError("no gateway is ready")
            turn = next(self._turns)
            gateway = ready[turn // 2 % len(ready)]
            headers += (("connection", "close"),) if turn % 2 else ()
            reply = await self._http.send(
                method, gateway + path, headers, body, connect_timeout=2.0
            )
            await self._answer(reply, writer)
        except (TransportError, ConnectionResetError) as error:
            self.lost.append(f"{error!r}")
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
            raise ConnectionResetError from error

    @staticmethod
    async def _answer(reply: HttpReply, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {reply.status} -", "transfer-encoding: chunked"]
        lines += [f"{name}: {value}" for name, value in reply.headers if name not in _HOP]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        while chunk := await reply.chunk():
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
