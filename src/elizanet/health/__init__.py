"""What is known about the places that answer calls, kept where each failure lives.

| place | object | what it keeps |
|---|---|---|
| host | `Host` | breaker for connections, budget |
| host, kind of request, model | `Model` | breaker for answers, latency, share of successes |
| key | `Key` | quarantine |
| all of these | `Lane` | gate, limiter, quarantine of the pair, our own rates |

`Registry` holds them, `Lane.refusal` says why a call may not go there now, and `Lane.admit`
gives a `Permit`, which takes the outcome back to every one of them.
"""

from elizanet.health.lane import Lane
from elizanet.health.permit import Permit
from elizanet.health.places import Host, Key, Model
from elizanet.health.refusal import Reason, Refusal
from elizanet.health.registry import WHOLE_HOST, Registry
from elizanet.health.state import LaneState, state_of

__all__ = ["WHOLE_HOST", "Host", "Key", "Lane", "LaneState", "Model", "Permit", "Reason",
           "Refusal", "Registry", "state_of"]  # fmt: skip
