"""The dashboard: what is wrong, since when, who is affected, and what the gateway does about it."""

from elizanet.gateway.dashboard.app import Dashboard

__all__ = ["Dashboard"]
