"""From what went wrong to what it means: a `Failure` goes in, a `Verdict` comes out.

The order of belief, strongest first:

1. codes and exception types that name one cause (`insufficient_quota`, `ReadTimeout`),
2. sentences that name one cause ("prompt is too long: 208656 tokens > 200000 maximum"),
3. codes that name only a family (`invalid_request_error`, `RateLimitError`),
4. sentences that only hint ("internal error"),
5. the HTTP status.

Within each step the innermost error goes first, because wrappers know less than what they
wrap. Text that the caller sent and the provider repeats is not evidence. `codes`, `texts`,
`transport` and `statuses` are the tables; `evidence` finds what they are asked about.
"""

from elizanet.classify.classifier import Classifier, Rule, classify
from elizanet.classify.delays import empty_allowance
from elizanet.classify.facts import ExceptionFacts
from elizanet.classify.failure import Failure
from elizanet.classify.verdicts import verdict_for

__all__ = [
    "Classifier",
    "ExceptionFacts",
    "Failure",
    "Rule",
    "classify",
    "empty_allowance",
    "verdict_for",
]
