"""For trying out and for tests: a local OpenAI-compatible provider that fails on demand."""

from elizanet.testing.faults import Fault
from elizanet.testing.received import ReceivedRequest
from elizanet.testing.reply import HttpReply
from elizanet.testing.scripted import Failing, Reply, ScriptedProvider
from elizanet.testing.upstream import Upstream
from elizanet.testing.wire import Wire

__all__ = [
    "Failing",
    "Fault",
    "HttpReply",
    "ReceivedRequest",
    "Reply",
    "ScriptedProvider",
    "Upstream",
    "Wire",
]
