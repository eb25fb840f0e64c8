"""Sessions by the clock."""

from __future__ import annotations

from elizanet.gateway.dashboard.sessions import LIFE_S, MOST, Sessions

KEY = b"fingerprint"


async def test_a_session_ends_by_itself() -> None:
    """Twelve hours after it was begun, used or not."""
    sessions = Sessions()
    token = sessions.begin(KEY, 100.0)
    assert sessions.key_of(token, 100.0) == KEY
    assert sessions.key_of(token, 100.0 + LIFE_S - 1) == KEY
    assert sessions.key_of(token, 100.0 + LIFE_S) is None
    sessions.begin(KEY, 100.0 + LIFE_S)
    assert repr(sessions) == "<Sessions 1>"


async def test_there_is_a_bound_on_sessions() -> None:
    """The oldest one ends for one too many."""
    sessions = Sessions()
    tokens = [sessions.begin(KEY, float(n)) for n in range(MOST + 1)]
    assert sessions.key_of(tokens[0], MOST) is None
    assert sessions.key_of(tokens[1], MOST) == KEY
    assert repr(sessions) == f"<Sessions {MOST}>"


async def test_ending_what_is_no_session_does_nothing() -> None:
    """Signing out twice is no fault."""
    sessions = Sessions()
    token = sessions.begin(KEY, 0.0)
    sessions.end("x")
    assert sessions.key_of(token, 0.0) == KEY
    sessions.end(token)
    sessions.end(token)
    assert sessions.key_of(token, 0.0) is None
