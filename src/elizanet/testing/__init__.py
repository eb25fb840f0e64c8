"""For trying out and for tests: providers that fail on demand, networks that do."""

from elizanet.testing.chaos import ChaosProxy
from elizanet.testing.chaos_toxics import (
    Bandwidth,
    Latency,
    LimitData,
    Refuse,
    ResetPeer,
    Silence,
    Slicer,
    SlowClose,
    Toxic,
)
from elizanet.testing.faults import Fault
from elizanet.testing.received import ReceivedRequest
from elizanet.testing.reply import HttpReply
from elizanet.testing.scripted import Failing, Reply, ScriptedProvider
from elizanet.testing.upstream import Upstream
from elizanet.testing.wire import Wire

__all__ = [
    "Bandwidth",
    "ChaosProxy",
    "Failing",
    "Fault",
    "HttpReply",
    "Latency",
    "LimitData",
    "ReceivedRequest",
    "Refuse",
    "Reply",
    "ResetPeer",
    "ScriptedProvider",
    "Silence",
    "Slicer",
    "SlowClose",
    "Toxic",
    "Upstream",
    "Wire",
]
