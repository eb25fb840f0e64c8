"""`Classifier`: the user's own rules first, then the built-in judgement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from elizanet.classify.decide import judge
from elizanet.classify.failure import Failure
from elizanet.classify.verdicts import verdict_for
from elizanet.errors import FailureClass, Verdict
from elizanet.redact import excerpt

Rule: TypeAlias = Callable[[Failure], "str | FailureClass | Verdict | None"]
"""A plain function of the user's: a class (or its name), a whole verdict, or None for "I do
not know this one"."""


def classify(failure: Failure) -> Verdict:
    """Return what a failure means. Never raises, whatever a provider sent."""
    return judge(failure)


class Classifier:
    """Asks `rules` in order, and the built-in judgement if none of them has an opinion.

    A rule that raises, or returns something that is no class, is reported to `on_rule_error`
    and skipped: a mistake in a rule must not lose the verdict.
    """

    __slots__ = ("_on_rule_error", "_rules")

    def __init__(
        self,
        rules: Sequence[Rule] = (),
        on_rule_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self._rules = tuple(rules)
        self._on_rule_error = on_rule_error

    def __repr__(self) -> str:
        return f"<Classifier [{len(self._rules)} own rules]>"

    def verdict(self, failure: Failure) -> Verdict:
        """Return what a failure means. Never raises, whatever a provider sent."""
        for rule in self._rules:
            try:
                verdict = _as_verdict(rule(failure), failure)
            except Exception as error:  # noqa: BLE001 - the boundary to the user's own code
                if self._on_rule_error is not None:
                    self._on_rule_error(error)
                continue
            if verdict is not None:
                return verdict
        return classify(failure)


def _as_verdict(opinion: object, failure: Failure) -> Verdict | None:
    if opinion is None or isinstance(opinion, Verdict):
        return opinion
    if not isinstance(opinion, str) or opinion not in list(FailureClass):
        allowed = ", ".join(FailureClass)
        raise TypeError(
            f"a classify rule returned {excerpt(repr(opinion), 100)}; allowed are a Verdict, None,"
            f" or one of {allowed}"
        )
    return verdict_for(FailureClass(opinion), retry_after_s=classify(failure).retry_after_s)
