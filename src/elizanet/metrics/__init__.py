"""Metrics: a sink that counts, and what it has counted as Prometheus reads it.

`exposition` is not imported from here: its library takes long to load.
"""

from elizanet.metrics.sink import Metrics
from elizanet.metrics.snapshot import Reading, Recorded, counted, known_of, recorded

__all__ = ["Metrics", "Reading", "Recorded", "counted", "known_of", "recorded"]
