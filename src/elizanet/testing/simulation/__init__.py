"""Whole days of calls in seconds: the real engine, in virtual time, over simulated providers.

| part | what |
|---|---|
| `World` | one simulation: servers, calls, results, trace; everything comes from its seed |
| `Server`, `Latency`, `Capacity` | a provider that is slow, full or broken |
| `Window`, `BEHAVIOURS` | what is wrong with it, when, and for whom |
| `Client`, `SdkClient`, `Phase` | who asks, and how often |
| `Invariants` | what must hold whatever happens |
| `matrix`, `play` | 480 scenarios, each judged |
| `Rehearsal`, `OUTAGES` | outages of a configuration of yours (`elizanet drill`) |

The same seed gives the same trace. What a provider fails with is what the code for real
providers makes of such a failure.
"""

from elizanet.testing.simulation.behaviours import BEHAVIOURS
from elizanet.testing.simulation.calls import CallRecord
from elizanet.testing.simulation.capacity import Capacity
from elizanet.testing.simulation.client import Client
from elizanet.testing.simulation.invariants import Invariants
from elizanet.testing.simulation.latency import Latency
from elizanet.testing.simulation.ledger import AttemptEnd, ServedAttempt
from elizanet.testing.simulation.load import Phase
from elizanet.testing.simulation.matrix import SHORT, matrix
from elizanet.testing.simulation.outages import OUTAGES, Outage
from elizanet.testing.simulation.performance import (
    ALL,
    ALONE,
    NONE,
    VARIATIONS,
    Performance,
    Variation,
)
from elizanet.testing.simulation.provider import SimulatedProvider
from elizanet.testing.simulation.rehearsal import Rehearsal
from elizanet.testing.simulation.results import Outcome, Results, percentile
from elizanet.testing.simulation.scenario import Scenario, play
from elizanet.testing.simulation.sdk import SdkClient
from elizanet.testing.simulation.server import Server
from elizanet.testing.simulation.windows import Window
from elizanet.testing.simulation.world import World

__all__ = [
    "ALL",
    "ALONE",
    "BEHAVIOURS",
    "NONE",
    "OUTAGES",
    "SHORT",
    "VARIATIONS",
    "AttemptEnd",
    "CallRecord",
    "Capacity",
    "Client",
    "Invariants",
    "Latency",
    "Outage",
    "Outcome",
    "Performance",
    "Phase",
    "Rehearsal",
    "Results",
    "Scenario",
    "SdkClient",
    "ServedAttempt",
    "Server",
    "SimulatedProvider",
    "Variation",
    "Window",
    "World",
    "matrix",
    "percentile",
    "play",
]
