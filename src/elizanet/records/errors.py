"""What goes wrong with records, told in one sentence without passwords."""

from __future__ import annotations

from elizanet.errors import ElizanetError


class RecordsError(ElizanetError):
    """The database cannot answer or take records now; the sentence says why."""


class NoRecordsError(RecordsError):
    """There are no records yet, and nothing is wrong with that."""


class RefusedError(RecordsError):
    """The database is well and does not take these values: trying again would not help."""
