"""The operator's own functions: named `module:function` in the settings, or given to the library.

| hook | is called with | may return |
|---|---|---|
| `classify` | a `Failure` | a `Verdict`, or None for the usual one |
| `transform_request` | provider, operation, body | another body, or None for the same |
| `process_response` | provider, operation, body or chunk | another one, or None for the same |
| `health` | provider | true or false, a reason why not, or None for the usual check |

Bodies are dictionaries, made for a hook only where there is one; forms, sound and what else is
no JSON object pass by. `health` may be a coroutine function. A hook that raises, or returns what
it may not, is reported and counted, and the call goes on as if it were not there.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from elizanet.call import Answer, BodyKind, Call, Event, Provider
from elizanet.classify import Rule
from elizanet.errors import ConfigurationError
from elizanet.json_fields import decode_loosely
from elizanet.operation import DEFAULT_MODELS
from elizanet.providers.splice import replace_model
from elizanet.redact import excerpt, mask_keys
from elizanet.settings import HookSettings
from elizanet.sse import with_data
from elizanet.telemetry import Emitter, HookFailed

Body = dict[str, Any]
BodyHook = Callable[[str, str, Body], Body | None]
Healthy = bool | str | None
HealthHook = Callable[[str], Healthy | Awaitable[Healthy]]

_decode: Final = msgspec.json.Decoder(Body).decode


@dataclass(frozen=True, slots=True)
class Hooks:
    """The functions there are; None is none."""

    classify: Rule | None = None
    transform_request: BodyHook | None = None
    process_response: BodyHook | None = None
    health: HealthHook | None = None

    @classmethod
    def load(cls, settings: HookSettings, given: Hooks | None = None) -> Hooks:
        """Import the functions that the settings name; those that are `given` win.

        Raises `ConfigurationError` with the reason why one cannot be used.
        """
        found = {}
        for field in fields(cls):
            own = getattr(given, field.name, None)
            name = getattr(settings, field.name)
            function = own or (load_hook(field.name, name) if name else None)
            if field.name != "health" and inspect.iscoroutinefunction(function):
                raise ConfigurationError(
                    f"hooks.{field.name} is a coroutine function; only hooks.health may be one"
                )
            found[field.name] = function
        return cls(**found)


def load_hook(hook: str, name: str) -> Callable[..., Any]:
    """Import the function; modules beside the working directory are found too.

    Raises `ConfigurationError` with the reason it cannot be used.
    """
    module_name, _, function_name = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        function: object = importlib.import_module(module_name)
        for part in function_name.split("."):
            function = getattr(function, part)
    except Exception as error:  # the operator's own code runs here, and may raise anything
        raise ConfigurationError(f'hooks.{hook} = "{name}" cannot be loaded: {error}') from error
    if not callable(function):
        raise ConfigurationError(f'hooks.{hook} = "{name}" is not a function')
    return function


class HookGuard:
    """Calls hooks, and survives them. `failures` counts how often one raised."""

    def __init__(self, hooks: Hooks, emit: Emitter) -> None:
        self.hooks = hooks
        self.failures = 0
        self._emit = emit

    def __repr__(self) -> str:
        there = [f.name for f in fields(self.hooks) if getattr(self.hooks, f.name)]
        return f"<HookGuard {', '.join(there) or 'no hooks'} failures={self.failures}>"

    def around(self, provider: Provider) -> Provider:
        """Return the provider with the hooks for requests and responses around it."""
        hooks = self.hooks
        if hooks.transform_request is None and hooks.process_response is None:
            return provider
        return HookedProvider(provider, self)

    async def health(self, provider: str) -> Healthy:
        """Ask the operator's function whether a provider is healthy; None if it does not say."""
        if self.hooks.health is None:
            return None
        try:
            said = self.hooks.health(provider)
            if inspect.isawaitable(said):
                said = await said
            if isinstance(said, str):
                return mask_keys(said)
            if said is None or isinstance(said, bool):
                return said
            shown = excerpt(repr(said), 100)
            raise TypeError(f"it returned {shown}; allowed are true, false, a text, or None")
        except Exception as error:  # noqa: BLE001 -- a hook's boundary: reported and counted
            self.failed("health", error)
            return None

    def request(self, provider: str, call: Call, body: bytes) -> Call:
        """Return the call as the hook wants it; `body` is what the provider would get."""
        hook = self.hooks.transform_request
        if hook is None:
            return call
        try:
            changed = _asked(hook, provider, call.operation, body)
            return call if changed is None else _call_with(changed, call)
        except Exception as error:  # noqa: BLE001 -- a hook's boundary: reported and counted
            self.failed("transform_request", error)
            return call

    def response(self, provider: str, operation: str, data: bytes) -> bytes:
        """Return an answer, or a chunk of one, as the hook wants it."""
        hook = self.hooks.process_response
        if hook is None:
            return data
        try:
            changed = _asked(hook, provider, operation, data)
            return data if changed is None else _encoded(changed)
        except Exception as error:  # noqa: BLE001 -- a hook's boundary: reported and counted
            self.failed("process_response", error)
            return data

    def failed(self, hook: str, error: Exception) -> None:
        """Report a hook that raised."""
        self.failures += 1
        self._emit(HookFailed(hook, excerpt(f"{type(error).__name__}: {error}", 500)))


class HookedProvider:
    """A provider whose requests and answers pass through the operator's functions."""

    def __init__(self, inner: Provider, guard: HookGuard) -> None:
        self._inner = inner
        self._guard = guard

    def __repr__(self) -> str:
        return f"<HookedProvider {self._inner!r}>"

    @property
    def name(self) -> str:
        return self._inner.name

    async def send(self, call: Call) -> Answer:
        """Ask the inner provider. Raises what that raises."""
        if (body := _body_for(call)) is not None:
            call = self._guard.request(self.name, call, body)
        answer = await self._inner.send(call)
        if self._guard.hooks.process_response is None or answer.head.body is BodyKind.PIECES:
            return answer
        return _ProcessedAnswer(answer, self._guard, call.operation)


class _ProcessedAnswer:
    """An answer whose JSON objects pass through the hook for responses."""

    def __init__(self, inner: Answer, guard: HookGuard, operation: str) -> None:
        self.head = inner.head
        self._inner = inner
        self._guard = guard
        self._operation = operation

    def __repr__(self) -> str:
        return f"<_ProcessedAnswer {self._inner!r}>"

    async def next(self) -> Event | None:
        event = await self._inner.next()
        if event is None or not event.data.lstrip().startswith(b"{"):
            return event
        data = self._guard.response(self.head.provider, self._operation, event.data)
        if data is event.data:
            return event
        whole = self.head.body is BodyKind.WHOLE
        return replace(
            event, raw=data if whole else with_data(event.raw, event.data, data), data=data
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


def _body_for(call: Call) -> bytes | None:
    """Return the body with the name of the target's model; None where it is no JSON object.

    What is wrong with such a body the provider says.
    """
    if call.form is not None:
        return None
    try:
        return replace_model(call.body, call.model, DEFAULT_MODELS.get(call.operation))
    except ValueError:
        return None


def _asked(hook: BodyHook, provider: str, operation: str, raw: bytes) -> Body | None:
    """Return what the hook makes of a JSON object. Raises what it raises, and `TypeError`."""
    body = hook(provider, operation, decode_loosely(raw, _decode, Body))
    if body is None or isinstance(body, dict):
        return body
    raise TypeError(f"it returned {excerpt(repr(body), 100)}; allowed are a dictionary or None")


def _call_with(body: Body, call: Call) -> Call:
    """Return the call with another body. Raises `ValueError` for one that cannot be sent."""
    model = body.get("model", DEFAULT_MODELS.get(call.operation))
    if not isinstance(model, str):
        raise ValueError("the body it returned names no model")
    if bool(body.get("stream")) is not call.stream:
        raise ValueError("the body it returned has another `stream`, which the caller decides")
    return replace(call, body=_encoded(body), model=model)


def _encoded(body: Body) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:  # the halves of a character that came apart, as escapes
        return json.dumps(body, separators=(",", ":")).encode()
