"""Which targets a call may go to, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from elizanet.call import Call
from elizanet.errors import FailureClass, ProviderError
from elizanet.target import Target


def plan(targets: Sequence[Target], call: Call) -> list[Target]:
    """Return the targets in the order in which they are asked."""
    return list(targets[:1] if call.first_target_only else targets)


def still_useful(targets: Sequence[Target], failed: Target, error: ProviderError) -> list[Target]:
    """Return those of the remaining targets that could succeed where `failed` did not.

    A prompt that is too long for one model only fits one whose window is larger or unknown.
    """
    if error.failure_class is not FailureClass.CONTEXT_WINDOW_EXCEEDED or failed.window is None:
        return list(targets)
    return [t for t in targets if t.window is None or t.window > failed.window]
