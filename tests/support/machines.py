"""How many examples the state machines of the policies are tried with.

`ELIZANET_LONG=1` asks for the long form: 20,000 examples each instead of 100. It needs
`--timeout=0`.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings

IS_LONG: Final = "ELIZANET_LONG" in os.environ

MACHINE: Final = settings(
    max_examples=20_000 if IS_LONG else 100,
    stateful_step_count=40 if IS_LONG else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
"""For `RuleBasedStateMachine.TestCase.settings`; `settings(parent=MACHINE)` for the rest."""
