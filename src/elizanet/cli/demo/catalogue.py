"""The scenarios of the demo, in the order they are played."""

from __future__ import annotations

from typing import Final

from elizanet.cli.demo.questions import embedding, image, stream, structured, text
from elizanet.cli.demo.scenario import Scenario
from elizanet.errors import FailureClass

FROM_PRIMARY: Final = "primary answers: Hello, world!"
FROM_BACKUP: Final = "backup answers: Hello, world!"

_PROVIDER_FAILS: Final = (
    Scenario(
        "working-model",
        "nothing fails: the first provider answers, the second one is never asked",
        text,
        path=("primary: answered",),
        answer=FROM_PRIMARY,
    ),
    Scenario(
        "rate-limit",
        "the first provider answers 429: the second one takes the call",
        text,
        primary=("rate_limit",),
        path=("primary: rate_limit", "backup: answered"),
        answer=FROM_BACKUP,
    ),
    Scenario(
        "short-wait",
        "the limit clears in 0.3 s: waiting is better than moving, the first choice answers",
        text,
        primary=("rate_limit,retry-after-ms=300,times=1",),
        path=("primary: rate_limit", "primary: answered"),
        answer=FROM_PRIMARY,
    ),
    Scenario(
        "insufficient-quota",
        "a 429 that no waiting heals: the money is spent, another provider answers",
        text,
        primary=("quota",),
        path=("primary: quota_exhausted", "backup: answered"),
        answer=FROM_BACKUP,
    ),
    Scenario(
        "unavailable",
        "503, the provider is down",
        text,
        primary=("status=503",),
        path=("primary: overloaded", "backup: answered"),
        answer=FROM_BACKUP,
    ),
    Scenario(
        "one-hiccup",
        "a single 500: the first choice is asked once more, and answers",
        text,
        primary=("status=500,times=1",),
        path=("primary: overloaded", "primary: answered"),
        answer=FROM_PRIMARY,
    ),
    Scenario(
        "time-out",
        "the provider takes the request and says nothing; after 0.4 s the next one is asked",
        text,
        primary=("hang",),
        patience=0.4,
        path=("primary: timeout", "backup: answered"),
        answer=FROM_BACKUP,
    ),
    Scenario(
        "connection-refused",
        "nobody listens: tried once more at once, because nothing was sent, then the next",
        text,
        primary=("refuse",),
        path=("primary: connection", "primary: connection", "backup: answered"),
        answer=FROM_BACKUP,
    ),
    Scenario(
        "wrong-key",
        "the key was revoked: the caller is served all the same, the operator is told",
        text,
        primary=("auth",),
        path=("primary: auth", "backup: answered"),
        answer=FROM_BACKUP,
    ),
    Scenario(
        "login-page",
        "200 with an HTML page of some proxy: that is no answer",
        text,
        primary=("html200",),
        path=("primary: malformed_response", "backup: answered"),
        answer=FROM_BACKUP,
    ),
)

_STREAMS: Final = (
    Scenario(
        "streaming",
        "a stream whose first provider is rate limited: the caller sees one stream",
        stream,
        primary=("rate_limit",),
        path=("primary: rate_limit", "backup: answered"),
        answer=FROM_BACKUP,
    ),
    Scenario(
        "broken-stream",
        "the stream breaks before the first word: the next provider begins it, unseen",
        stream,
        primary=("cut_stream=0",),
        path=("primary: stream_interrupted", "backup: answered"),
        answer=FROM_BACKUP,
    ),
    Scenario(
        "cut-off-stream",
        "it breaks after two words: the caller is told, half an answer is never a whole one",
        stream,
        primary=("cut_stream=2",),
        path=("primary: stream_interrupted",),
        answer="primary answers:",
        error=FailureClass.STREAM_INTERRUPTED,
    ),
)

_KINDS: Final = (
    Scenario(
        "embedding",
        "a vector of the wrong length is refused, the next provider's is right",
        embedding,
        primary=("wrong_dimensions=1000",),
        path=("primary: malformed_response", "backup: answered"),
        answer="1536 numbers",
    ),
    Scenario(
        "image",
        "the picture comes from the second provider",
        image,
        primary=("status=502",),
        path=("primary: overloaded", "backup: answered"),
        answer="http://127.0.0.1:*/v1/pictures/*.png",
    ),
    Scenario(
        "object",
        "an object that does not fit its schema is no answer: the next provider's fits",
        structured,
        primary=("bad_json_object",),
        path=("primary: malformed_response", "backup: answered"),
        answer='{"capital": "Paris", "rivers": *}',
    ),
)

_NO_FALLBACK: Final = (
    Scenario(
        "bad-request",
        "400, the request itself is wrong: it would be wrong everywhere, nobody else is asked",
        text,
        primary=("bad_request",),
        path=("primary: bad_request",),
        error=FailureClass.BAD_REQUEST,
    ),
    Scenario(
        "fallback-disabled",
        "ELIZANET_FALLBACK_ENABLED=false: the failure of the first provider is the answer",
        text,
        primary=("rate_limit,retry-after=60",),
        fallback_enabled=False,
        path=("primary: rate_limit",),
        error=FailureClass.RATE_LIMIT,
    ),
    Scenario(
        "both-down",
        "nobody can answer: one error that tells what each of them said",
        text,
        primary=("status=503",),
        backup=("refuse",),
        path=("primary: overloaded", "backup: connection", "backup: connection"),
        error=FailureClass.OVERLOADED,
    ),
)

SCENARIOS: Final = {
    scenario.name: scenario for scenario in (*_PROVIDER_FAILS, *_STREAMS, *_KINDS, *_NO_FALLBACK)
}
"""Every scenario by its name."""
