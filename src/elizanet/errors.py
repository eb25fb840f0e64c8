"""What can go wrong, and what it means for the call.

    ElizanetError
    ├── ConfigurationError    the operator's: settings that cannot work
    ├── InputError            the caller's: refused before any provider saw it
    └── CallFailed            a provider's: the call has no answer
        ├── ProviderError         one attempt failed, or the only one that was allowed
        └── AllTargetsFailed      several targets were tried and each of them failed

Each error answers three questions. *Whose fault?* is its type. *What is it?* is its
`FailureClass`. *What next?* is its `Verdict`; the engine follows it (`policy/`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from elizanet.call import Attempt


class FailureClass(StrEnum):
    """The kinds of failure. The names are public: settings, records and headers use them."""

    RATE_LIMIT = "rate_limit"
    """A limit that clears by itself; waiting helps, another provider helps at once."""
    QUOTA_EXHAUSTED = "quota_exhausted"
    """Money, credits, plan or calendar quota: it stays until someone acts."""
    OVERLOADED = "overloaded"
    """The provider is broken or busy: every 5xx, and lack of capacity under any status."""
    TIMEOUT = "timeout"
    """Our clock ran out, or the server said 408."""
    CONNECTION = "connection"
    """No HTTP answer: refused, reset, DNS, TLS, proxy."""
    CONTEXT_WINDOW_EXCEEDED = "context_window_exceeded"
    """The prompt does not fit the model; only a larger window helps."""
    CONTENT_POLICY = "content_policy"
    """A safety filter refused; the refusal is the answer."""
    AUTH = "auth"
    """The provider does not accept our key, region or account."""
    MODEL_NOT_FOUND = "model_not_found"
    """The model, or a capability of it, does not exist at this provider."""
    BAD_REQUEST = "bad_request"
    """The request is wrong in itself and would fail everywhere."""
    PAYLOAD_TOO_LARGE = "payload_too_large"
    """More bytes, or more tokens at once, than this provider ever accepts."""
    MALFORMED_RESPONSE = "malformed_response"
    """A success status whose body is not what was promised."""
    STREAM_INTERRUPTED = "stream_interrupted"
    """A stream that ended before its end."""
    CANCELLED = "cancelled"
    """Given up from here: the caller went away, another attempt was faster, the gateway ends."""
    UNKNOWN = "unknown"
    """Nothing in the failure decides."""


STOPPING: frozenset[FailureClass] = frozenset(
    {FailureClass.BAD_REQUEST, FailureClass.CONTENT_POLICY, FailureClass.CANCELLED}
)
"""The classes that by default end the call: another provider would not help."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a failure means.

    `fallback`: another provider may be asked. `retry_same_provider`: another try at the
    same one could help (whether it is made is the engine's decision). `retry_after_s`:
    the delay in seconds that the provider stated, or None; it does not say that waiting
    is wise.
    """

    failure_class: FailureClass
    fallback: bool
    retry_same_provider: bool
    retry_after_s: float | None = None


class ElizanetError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigurationError(ElizanetError):
    """Settings that cannot work; `problems` has one plain sentence for each."""

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class InputError(ElizanetError):
    """A request that is wrong before any provider is asked.

    `code` is OpenAI's error code (default `invalid_request_error`), `param` the name of
    the offending parameter, `status` the HTTP status a gateway answers with.
    """

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int = 400,
    ) -> None:
        super().__init__(message)
        self.param = param
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class RawReply:
    """The HTTP answer behind a failure, as far as it was read (bounded)."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class CallFailed(ElizanetError):
    """No answer. `attempts` lists who was asked and what each said, in order."""

    attempts: tuple[Attempt, ...] = ()

    @property
    def failure_class(self) -> FailureClass:
        """The class a caller should act on."""
        raise NotImplementedError


class ProviderError(CallFailed):
    """One attempt failed.

    `message` is one sentence without keys. `reply` is the provider's HTTP answer where
    there was one. `provider` and `model` name the target once the engine knows it. `is_ours`: it
    happened on this machine and says nothing about the provider.
    """

    def __init__(
        self,
        message: str,
        verdict: Verdict,
        *,
        status: int | None = None,
        request_id: str | None = None,
        reply: RawReply | None = None,
        is_ours: bool = False,
    ) -> None:
        super().__init__(message)
        self.is_ours = is_ours
        self.message = message
        self.verdict = verdict
        self.status = status
        self.request_id = request_id
        self.reply = reply
        self.provider = ""
        self.model = ""

    @property
    def failure_class(self) -> FailureClass:
        return self.verdict.failure_class

    def limited(self, *, fallback: bool) -> ProviderError:
        """Apply the operator's policy on whether this failure may move the call."""
        self.verdict = replace(self.verdict, fallback=fallback)
        return self


@dataclass(frozen=True, slots=True)
class Skipped:
    """A target that was not asked, and why: `reason` is a `health.Reason`.

    `retry_after_s`: seconds until it may be asked again, None if nobody knows. `failed_with`: the
    class of what it failed with before, None where the reason says all there is.
    """

    provider: str
    model: str
    reason: str
    retry_after_s: float | None
    detail: str = ""
    failed_with: FailureClass | None = None

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}: {self.reason}"

    @property
    def failure_class(self) -> FailureClass:
        """What the target would most probably have said; `unknown` where an operator holds it."""
        return self.failed_with or _SKIPPED_AS.get(self.reason, FailureClass.OVERLOADED)


class AllTargetsFailed(CallFailed):
    """No target answered: each one that was asked failed, and the others could not be asked.

    `errors` has the errors in the order of the attempts, `skipped` the targets that were not
    asked. Both may be empty, not at once.
    """

    def __init__(
        self,
        errors: Sequence[ProviderError],
        attempts: Sequence[Attempt],
        skipped: Sequence[Skipped] = (),
    ) -> None:
        self.errors = tuple(errors)
        self.attempts = tuple(attempts)
        self.skipped = tuple(skipped)
        told = [f"{a.provider}/{a.model}: {a.failure_class}" for a in self.attempts]
        told += [f"{target} (not asked)" for target in self.skipped]
        super().__init__(f"all targets failed ({'; '.join(told)})")

    @property
    def failure_class(self) -> FailureClass:
        """`rate_limit` if that is what all of them said, else the first choice's class."""
        classes = {error.failure_class for error in self.errors}
        classes |= {target.failure_class for target in self.skipped}
        if len(classes) == 1:
            return classes.pop()
        return self.errors[0].failure_class if self.errors else FailureClass.OVERLOADED

    @property
    def retry_after_s(self) -> float | None:
        """The shortest time in seconds after which one of them may be asked again."""
        stated = [e.verdict.retry_after_s for e in self.errors]
        stated += [target.retry_after_s for target in self.skipped]
        return min((delay for delay in stated if delay is not None), default=None)

    @property
    def shed(self) -> bool:
        """Whether there was only no room here and now: another process may have some."""
        return not self.errors and all(s.reason == "full" for s in self.skipped)


_SKIPPED_AS: Final = {
    "rate_limited": FailureClass.RATE_LIMIT,
    "own_limit": FailureClass.RATE_LIMIT,
    "key_quarantined": FailureClass.AUTH,
    "quota_exhausted": FailureClass.QUOTA_EXHAUSTED,
    "target_quarantined": FailureClass.MODEL_NOT_FOUND,
    "other_model": FailureClass.MODEL_NOT_FOUND,
}
"""What a target that was not asked would most probably have said; all others: overloaded."""


def forget_frames(error: BaseException) -> None:
    """Drop the frames that an error and its causes passed through.

    Frames hold what they worked with, and often the error itself: cycles, which only the
    collector finds, late. For errors that have been told, and that nobody looks into any more.
    """
    following: BaseException | None = error
    while following is not None and following.__traceback__ is not None:
        following.__traceback__ = None
        following = following.__cause__ or following.__context__
