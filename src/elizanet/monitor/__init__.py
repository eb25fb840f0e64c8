"""Health monitors: every provider of a chain is checked from time to time, asked or not."""

from elizanet.monitor.monitor import CheckResult, Monitor
from elizanet.monitor.schedule import Schedule

__all__ = ["CheckResult", "Monitor", "Schedule"]
