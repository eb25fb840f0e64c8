"""Faults as users write them: `NAME[=ARGUMENT][,option[=value]...]`.

    rate_limit,retry-after=2,times=3      the first three requests
    status=503,rate=0.3,path=embeddings   three of ten embeddings
    cut_stream=2,how=reset,model=gpt-4o*  a TCP reset after two content events
    status=400,message='slow down, please'

A value with commas stands in quotes; a JSON value needs none. Of the faults a provider
was given, those that change the delivery (`slow`, `split`, `gzip` ...) all work together;
of the others, the first that hits a request decides, and the ones behind it do not count
that request. So `rate_limit,times=1` before `hang,times=1` is a script of two answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from elizanet.errors import ConfigurationError
from elizanet.testing.content_encoding import encoder
from elizanet.testing.fault_catalogue import COMMON, KINDS
from elizanet.testing.fault_grammar import split_spec
from elizanet.testing.fault_kind import FaultKind
from elizanet.testing.fault_values import Parameter, Value, Values
from elizanet.testing.received import ReceivedRequest
from elizanet.testing.reply import HttpReply
from elizanet.testing.wire import Delivery


@dataclass(frozen=True, slots=True, repr=False)
class Fault:
    """What goes wrong, and for which requests. Made by `Fault.parse`."""

    spec: str
    kind: FaultKind
    values: Values

    @classmethod
    def parse(cls, spec: str) -> Fault:
        """Read a fault. Raises `ConfigurationError` with one sentence that says what is allowed."""
        (written, argument), *options = split_spec(spec)
        name = written.replace("-", "_")
        if name not in KINDS:
            raise _unknown("fault", name, list(KINDS), spec)
        kind = KINDS[name]
        values = Values({
            **{parameter.name: parameter.default for parameter in _parameters(kind)},
            **_argument(kind, argument, spec),
            **dict(_option(kind, key, value, spec) for key, value in options),
        })  # fmt: skip
        fault = cls(spec, kind, values)
        fault._check_coding()
        return fault

    @property
    def times(self) -> int | None:
        """How many of the requests it is meant for are struck; None: all."""
        return self.values.optional_integer("times")

    @property
    def after(self) -> int:
        """How many of the requests it is meant for pass before it strikes."""
        return self.values.integer("after")

    @property
    def rate(self) -> float:
        """The chance that one is struck."""
        return self.values.number("rate")

    @property
    def seed(self) -> int:
        """The seed of that chance."""
        return self.values.integer("seed")

    def fits(self, request: ReceivedRequest, good: HttpReply) -> bool:
        """Whether the fault is meant for this request, of which `good` is the good answer."""
        path, model = self.values.text("path"), self.values.text("model")
        stream = self.values.by_name["stream"]
        return (
            not self.kind.closes_listener
            and (
                path is None or fnmatchcase(request.endpoint, path.removeprefix("/v1/").strip("/"))
            )
            and (model is None or fnmatchcase(request.model, model))
            and (stream is None or stream == request.stream)
            and self.kind.scope.covers(request, good)
        )

    def _check_coding(self) -> None:
        coding = None
        if self.kind.delivery is not None:
            coding = self.kind.delivery(self.values, Delivery()).encoding
        try:
            if coding is not None:
                encoder(coding)
        except ValueError as error:
            raise ConfigurationError(f"The fault {self.spec!r} cannot be had: {error}.") from error

    def __str__(self) -> str:
        return self.spec

    def __repr__(self) -> str:
        return f"<Fault {self.spec}>"


def _parameters(kind: FaultKind) -> tuple[Parameter, ...]:
    argument = () if kind.argument is None else (kind.argument,)
    return (*argument, *kind.options, *COMMON)


def _argument(kind: FaultKind, written: str | None, spec: str) -> dict[str, Value]:
    if written is None:
        return {}
    if kind.argument is None:
        raise ConfigurationError(f"The fault {spec!r} is wrong: {kind.name} takes no argument.")
    return {kind.argument.name: _read(kind.argument, written, spec)}


def _option(kind: FaultKind, written: str, value: str | None, spec: str) -> tuple[str, Value]:
    name = written.replace("_", "-")
    options = {p.name: p for p in (*kind.options, *(() if kind.closes_listener else COMMON))}
    if not options:
        raise ConfigurationError(f"The fault {spec!r} is wrong: {kind.name} takes no options.")
    if name not in options:
        raise _unknown("option", name, list(options), spec)
    parameter = options[name]
    given = parameter.bare if value is None else value
    if given is None:
        raise ConfigurationError(
            f"The fault {spec!r} is wrong: {name} needs a value, {parameter.wanted}."
        )
    return name, _read(parameter, given, spec)


def _read(parameter: Parameter, written: str, spec: str) -> Value:
    try:
        return parameter.read(written)
    except (ValueError, KeyError):
        raise ConfigurationError(
            f"The fault {spec!r} is wrong: {parameter.name} is {written!r},"
            f" but it takes {parameter.wanted}."
        ) from None


def _unknown(what: str, name: str, valid: list[str], spec: str) -> ConfigurationError:
    near = get_close_matches(name, valid, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    allowed = ", ".join(sorted(valid))
    return ConfigurationError(
        f"The fault {spec!r} is wrong: there is no {what} {name!r}{hint}; {what}s are {allowed}."
    )
