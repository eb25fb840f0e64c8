"""Exception types: what kind of fault a class name stands for, in any client.

Names are matched by their parts, because every client has its own `ReadTimeout`,
`ConnectError` or `ServerDisconnectedError`. A class that says nothing is asked for its bases.
"""

from __future__ import annotations

from enum import Enum, auto
from functools import lru_cache
from typing import Final

from elizanet.classify.patterns import compiled


class Kind(Enum):
    """What an exception type stands for."""

    VAGUE = auto()
    """Something went wrong on the way; the message or the cause knows what."""
    CANCELLED = auto()
    TIMEOUT = auto()
    TLS = auto()
    UNREADABLE = auto()
    """An answer came and could not be decoded."""
    CUT = auto()
    """An answer came and stopped in the middle."""
    ADDRESS = auto()
    HEADER = auto()
    WIRE = auto()
    RPC = auto()
    VALIDATION = auto()
    SYSTEM = auto()
    """The operating system's, or anything derived from it."""


_OWN_NAME: Final = (
    r"apiconnectionerror|maxretryerror|networkerror|transporterror|urlerror|^clienterror$"
)
_PARTS: Final = (
    (Kind.CANCELLED, r"cancelled|clientdisconnect|clientclosedrequest|keyboardinterrupt"),
    (Kind.TIMEOUT, r"timeout(?!value)|timedout|aborterror"),
    (Kind.TLS, r"ssl|certificate"),
    (
        Kind.UNREADABLE,
        (
            r"jsondecode|decodingerror|decodeerror|badstatusline|incompleteread|contentlengtherror"
            r"|contenttypeerror|contentdecod|contentencod|badgzip|toomanyredirects|responsevalidation"
            r"|responseparser|^parsererror|checksummismatch|invalid(?:headers|payload)length|linetoolong"
        ),
    ),
    (Kind.CUT, r"chunkedencoding|transferencoding|payloaderror"),
    (
        Kind.ADDRESS,
        (
            r"invalidurl|missingschema|invalidschema|unsupportedprotocol|locationparse|nonhttpurl"
            r"|invalidproxyurl"
        ),
    ),
    (Kind.HEADER, r"invalidheader|localprotocolerror|unicodeencode"),
    (
        Kind.WIRE,
        (
            r"connect|network|proxy|protocolerror|brokenpipe|gaierror|^herror$|nameresolution"
            r"|dnserror|readerror|writeerror|closeerror|socketerror|disconnected|maxretryerror"
            r"|newconnection|urlerror|clientoserror|servicerequesterror|serviceresponseerror"
            r"|transporterror|endofstream|closedresource|brokenresource"
        ),
    ),
    (Kind.RPC, r"rpcerror"),
    (Kind.VALIDATION, r"^validationerror$"),
    (Kind.SYSTEM, r"^oserror$|^ioerror$"),
)


@lru_cache(512)
def kind_of(name: str, bases: tuple[str, ...]) -> Kind | None:
    """Return the kind of a qualified type name; None for one that stands for no such fault."""
    if compiled(_OWN_NAME).search(_last(name)):
        return Kind.VAGUE
    for candidate in map(_last, (name, *bases)):
        for kind, parts in _PARTS:
            if compiled(parts).search(candidate):
                return kind
    return None


def _last(name: str) -> str:
    return name.rpartition(".")[2].lower()
