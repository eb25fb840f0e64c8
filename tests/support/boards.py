"""What a dashboard is shown: lanes in a state, and the settings of their providers."""

from __future__ import annotations

from typing import Any

from elizanet.health import LaneState
from elizanet.settings import ProviderSettings, RouteSettings, Settings, TargetSettings


def lane(
    state: str = "closed", model: str = "gpt-4o", host: str = "openai", **more: Any
) -> LaneState:
    given: dict[str, Any] = {
        "provider": host, "key": host, "operation": "chat/completions", "model": model,
        "state": state, "reason": "" if state == "closed" else f"{state} because",
        "again_in": None if state == "closed" else 12.0, "forced": None, "score": 0.0,
        "in_flight": 1, "limit": 10, "budget": 5.0, "first_content": None, "answer_time": None,
        "success_rate": None,
    }  # fmt: skip
    return LaneState(**given | more)


def settings(*providers: tuple[str, str]) -> Settings:
    """Return settings with one chain over providers with these addresses."""
    return Settings(
        providers={name: ProviderSettings(name, f"http://{where}/v1") for name, where in providers},
        routes=(RouteSettings("*", tuple(TargetSettings(name, "*") for name, _ in providers)),),
    )
