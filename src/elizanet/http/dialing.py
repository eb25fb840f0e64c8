"""From an address to an open connection: proxies of the environment, TCP, TLS."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from elizanet.http.connection import Connection
from elizanet.http.errors import Problem, TransportError, while_connecting
from elizanet.limit import Limit, LimitReached

_PORTS: Final = {"http": 80, "https": 443}
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Origin:
    """Where connections lead: a host and a port, with TLS or without."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The origin as a `host` header names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @classmethod
    def of(cls, url: SplitResult) -> Origin:
        """Return the origin of a URL whose scheme is http or https."""
        return cls(url.scheme, url.hostname or "", url.port or _PORTS[url.scheme])


class Dialer:
    """Opens connections, through the proxies of the environment where there are any.

    `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are read once. TLS trusts the system's
    certificates (`SSL_CERT_FILE`, `SSL_CERT_DIR`) and, unless those are set, certifi's.
    """

    def __init__(self) -> None:
        self._proxies = getproxies()
        self._context: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        return f"<Dialer proxies={sorted(self._proxies)}>"

    def proxy_for(self, origin: Origin) -> SplitResult | None:
        """Return the proxy that leads to an origin, or None for the direct way."""
        address = self._proxies.get(origin.scheme) or self._proxies.get("all")
        if not address or proxy_bypass(origin.host):
            return None
        return urlsplit(address if "://" in address else f"http://{address}")

    async def dial(self, origin: Origin, connect_timeout: float) -> Connection:
        """Open a connection within the time, in seconds. Raises `TransportError`."""
        opened: list[Connection] = []
        try:
            with Limit(asyncio.get_running_loop().time() + connect_timeout):
                return await self._open(origin, opened)
        except LimitReached:
            _abort(opened)
            detail = f"{connect_timeout:g} s to {origin.authority}"
            raise TransportError(Problem.CONNECT_TIMEOUT, detail) from None
        except OSError as error:
            _abort(opened)
            raise while_connecting(error) from error
        except BaseException:
            _abort(opened)
            raise

    async def _open(self, origin: Origin, opened: list[Connection]) -> Connection:
        proxy = self.proxy_for(origin)
        if proxy is None:
            return await self._connect(origin, opened)
        if proxy.scheme not in _PORTS:
            detail = f"a proxy of scheme {proxy.scheme!r}; http and https are known"
            raise TransportError(Problem.PROXY, detail)
        connection = await self._connect(Origin.of(proxy), opened)
        if origin.scheme == "https":
            await self._tunnel(connection, origin, proxy)
        return connection

    async def _connect(self, origin: Origin, opened: list[Connection]) -> Connection:
        secure = origin.scheme == "https"
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection,
            origin.host,
            origin.port,
            ssl=self._tls() if secure else None,
            server_hostname=origin.host if secure else None,
        )
        opened.append(connection)
        return connection

    async def _tunnel(self, connection: Connection, origin: Origin, proxy: SplitResult) -> None:
        """Ask the proxy for a way through, and start TLS inside it."""
        where = f"{origin.host}:{origin.port}"
        lines = [f"CONNECT {where} HTTP/1.1", f"host: {where}"]
        lines += [f"{name}: {value}" for name, value in proxy_headers(proxy)]
        connection.request("\r\n".join([*lines, "", ""]).encode("latin-1"), b"")
        await connection.head()
        if connection.status != _OK:
            raise TransportError(Problem.PROXY, f"it answered {connection.status}")
        connection.start_anew()
        transport = await connection.loop.start_tls(
            connection.transport, connection, self._tls(), server_hostname=origin.host
        )
        if transport is None:
            raise TransportError(Problem.CLOSED, "while TLS was being established")
        connection.connection_made(transport)

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
            if not {"SSL_CERT_FILE", "SSL_CERT_DIR"} & set(os.environ):
                import certifi  # noqa: PLC0415 -- only TLS needs it

                self._context.load_verify_locations(certifi.where())
        return self._context


def proxy_headers(proxy: SplitResult) -> list[tuple[str, str]]:
    """Return the header that authenticates us at a proxy whose URL names a user."""
    if proxy.username is None:
        return []
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return [("proxy-authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")]


def _abort(opened: list[Connection]) -> None:
    for connection in opened:
        connection.abort()
