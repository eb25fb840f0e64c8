"""The scenarios of the demo, in the order they are played."""

from __future__ import annotations

from math import ceil
from typing import Final

from elizanet.cli.demo.questions import embedding, image, stream, structured, text
from elizanet.cli.demo.scenario import Scenario, Wanted
from elizanet.errors import FailureClass
from elizanet.policy.breaker import THRESHOLD
from elizanet.settings import HedgeSettings, StreamSettings

FROM_PRIMARY: Final = "primary answers: Hello, world!"
FROM_BACKUP: Final = "backup answers: Hello, world!"


def _by_primary(*failures: str, times: int = 1) -> Wanted:
    """The primary answers, after so many failures of its own."""
    failed = (f"primary: {failure}" for failure in failures)
    return Wanted((*failed, "primary: answered"), FROM_PRIMARY, times=times)


def _by_backup(*failures: str, answer: str = FROM_BACKUP, times: int = 1) -> Wanted:
    """The backup answers, after so many failures of the primary."""
    failed = (f"primary: {failure}" for failure in failures)
    return Wanted((*failed, "backup: answered"), answer, times=times)


_PROVIDER_FAILS: Final = (
    Scenario(
        "working-model",
        "nothing fails: the first provider answers, the second one is never asked",
        text,
        (_by_primary(),),
    ),
    Scenario(
        "rate-limit",
        "the first provider answers 429: the second one takes the call",
        text,
        (_by_backup("rate_limit"),),
        primary=("rate_limit",),
    ),
    Scenario(
        "short-wait",
        "the limit clears in 0.3 s: waiting is better than moving, the first choice answers",
        text,
        (_by_primary("rate_limit"),),
        primary=("rate_limit,retry-after-ms=300,times=1",),
    ),
    Scenario(
        "insufficient-quota",
        "a 429 that no waiting heals: the money is spent, another provider answers",
        text,
        (_by_backup("quota_exhausted"),),
        primary=("quota",),
    ),
    Scenario(
        "unavailable",
        "503, the provider is down",
        text,
        (_by_backup("overloaded"),),
        primary=("status=503",),
    ),
    Scenario(
        "one-hiccup",
        "a single 500: the first choice is asked once more, and answers",
        text,
        (_by_primary("overloaded"),),
        primary=("status=500,times=1",),
    ),
    Scenario(
        "time-out",
        "the provider takes the request and says nothing; after 0.4 s the next one is asked",
        text,
        (_by_backup("timeout"),),
        primary=("hang",),
        patience=0.4,
    ),
    Scenario(
        "connection-refused",
        "nobody listens: tried once more at once, because nothing was sent, then the next",
        text,
        (_by_backup("connection", "connection"),),
        primary=("refuse",),
    ),
    Scenario(
        "wrong-key",
        "the key was revoked: the caller is served all the same, the operator is told",
        text,
        (_by_backup("auth"),),
        primary=("auth",),
    ),
    Scenario(
        "login-page",
        "200 with an HTML page of some proxy: that is no answer",
        text,
        (_by_backup("malformed_response"),),
        primary=("html200",),
    ),
)

_STREAMS: Final = (
    Scenario(
        "streaming",
        "a stream whose first provider is rate limited: the caller sees one stream",
        stream,
        (_by_backup("rate_limit"),),
        primary=("rate_limit",),
    ),
    Scenario(
        "broken-stream",
        "the stream breaks before the first word: the next provider begins it, unseen",
        stream,
        (_by_backup("stream_interrupted"),),
        primary=("cut_stream=0",),
    ),
    Scenario(
        "cut-off-stream",
        "it breaks after two words: the caller is told, half an answer is never a whole one",
        stream,
        (
            Wanted(
                ("primary: stream_interrupted",),
                "primary answers:",
                FailureClass.STREAM_INTERRUPTED,
            ),
        ),
        primary=("cut_stream=2",),
    ),
)

_KINDS: Final = (
    Scenario(
        "embedding",
        "a vector of the wrong length is refused, the next provider's is right",
        embedding,
        (_by_backup("malformed_response", answer="1536 numbers"),),
        primary=("wrong_dimensions=1000",),
    ),
    Scenario(
        "image",
        "the picture comes from the second provider",
        image,
        (_by_backup("overloaded", answer="http://127.0.0.1:*/v1/pictures/*.png"),),
        primary=("status=502",),
    ),
    Scenario(
        "object",
        "an object that does not fit its schema is no answer: the next provider's fits",
        structured,
        (_by_backup("malformed_response", answer='{"capital": "Paris", "rivers": *}'),),
        primary=("bad_json_object",),
    ),
)

_LEARNT: Final = (
    Scenario(
        "dead-provider",
        "it fails and fails: its breaker opens, and from then on no call waits for it",
        text,
        (_by_backup("overloaded", times=ceil(THRESHOLD)), _by_backup(times=3)),
        primary=("status=503",),
    ),
    Scenario(
        "silent-stream",
        "silent for 0.2 s: the second provider is asked beside the first, and is faster",
        stream,
        (_by_backup("timeout"),),
        primary=("hang",),
        hedge=HedgeSettings(after=0.2),
    ),
    Scenario(
        "continued-stream",
        'on_break = "continue": the stream breaks after three words, the second one goes on',
        stream,
        (_by_backup("stream_interrupted", answer=FROM_PRIMARY),),
        primary=("cut_stream=3",),
        same_words=True,
        stream=StreamSettings(on_break="continue"),
    ),
    Scenario(
        "key-rotation",
        "one of two keys is refused: the other one serves this call, and those that follow",
        text,
        (_by_primary("auth"), _by_primary(times=3)),
        primary=("auth,times=1",),
        keys=("sk-demo-1", "sk-demo-2"),
    ),
    Scenario(
        "all-limited",
        "both have said when they may be asked again: nobody is asked before, the caller is told",
        text,
        (
            Wanted(
                ("primary: rate_limit", "backup: rate_limit"),
                error=FailureClass.RATE_LIMIT,
                retry_after=20,
            ),
            Wanted((), error=FailureClass.RATE_LIMIT, retry_after=20, times=3),
        ),
        primary=("rate_limit,retry-after=60",),
        backup=("rate_limit,retry-after=20",),
    ),
)

_NO_FALLBACK: Final = (
    Scenario(
        "bad-request",
        "400, the request itself is wrong: it would be wrong everywhere, nobody else is asked",
        text,
        (Wanted(("primary: bad_request",), error=FailureClass.BAD_REQUEST),),
        primary=("bad_request",),
    ),
    Scenario(
        "fallback-disabled",
        "ELIZANET_FALLBACK_ENABLED=false: the failure of the first provider is the answer",
        text,
        (Wanted(("primary: rate_limit",), error=FailureClass.RATE_LIMIT, retry_after=60),),
        primary=("rate_limit,retry-after=60",),
        fallback_enabled=False,
    ),
    Scenario(
        "both-down",
        "nobody can answer: one error that tells what each of them said",
        text,
        (
            Wanted(
                ("primary: overloaded", "backup: connection", "backup: connection"),
                error=FailureClass.OVERLOADED,
            ),
        ),
        primary=("status=503",),
        backup=("refuse",),
    ),
)

SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (*_PROVIDER_FAILS, *_STREAMS, *_KINDS, *_LEARNT, *_NO_FALLBACK)
}
"""Every scenario by its name."""
