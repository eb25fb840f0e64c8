"""The one door to the network: HTTP/1.1 over pooled connections.

    errors.py      where a request failed, as one error
    decoding.py    gzip, deflate, br and zstd, in pieces of bounded size
    connection.py  one connection: request bytes out, parsed answer in (no pool, no URL)
    dialing.py     from an address to a connection: proxies, TLS, the connect limit
    client.py      `Http`: the pool, and the two calls everyone uses

Parsing is llhttp's, through httptools. Why not a client library:
docs/decisions/0002-upstream-client.md.
"""

from elizanet.http.client import Http, HttpReply
from elizanet.http.errors import Problem, TransportError

__all__ = ["Http", "HttpReply", "Problem", "TransportError"]
