"""The operator's own functions: named `module:function` in the settings, or given to the library.

| hook | is called with | may return |
|---|---|---|
| `classify` | a `Failure` | a `Verdict`, or None for the usual one |
| `transform_request` | provider, operation, body | another body, or None for the same |
| `process_response` | provider, operation, body or chunk | another one, or None for the same |
| `health` | provider | true or false, a reason why not, or None for the usual check |

Bodies are dictionaries, made for a hook only where there is one; `health` may be a coroutine
function. A hook that raises is reported and counted, and the call goes on as if it were not
there.
"""

from __future__ import annotations

import importlib
import inspect
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
from elizanet.providers.splice import replace_model
from elizanet.redact import redact
from elizanet.settings import HookSettings
from elizanet.telemetry import Emitter, HookFailed

Body = dict[str, Any]
BodyHook = Callable[[str, str, Body], Body | None]
Healthy = bool | str | None
HealthHook = Callable[[str], Healthy | Awaitable[Healthy]]

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.encode


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
            found[field.name] = own or (load_hook(field.name, name) if name else None)
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
        function: Callable[..., Any] = importlib.import_module(module_name)
        for part in function_name.split("."):
            function = getattr(function, part)
    except Exception as error:  # the operator's own code runs here, and may raise anything
        raise ConfigurationError(f'hooks.{hook} = "{name}" cannot be loaded: {error}') from error
    if not callable(function):
        raise ConfigurationError(f'hooks.{hook} = "{name}" is not a function')
    return function


class HookGuard:
    """Calls hooks, and survives them. `failures` counts those that raised."""

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
            return await said if inspect.isawaitable(said) else said
        except Exception as error:  # noqa: BLE001 -- a hook's boundary: reported and counted
            self.failed("health", error)
            return None

    def changed(self, hook: str, provider: str, operation: str, raw: bytes) -> bytes:
        """Return a JSON object as the hook wants it; the same bytes if it wants nothing."""
        function = getattr(self.hooks, hook)
        if function is None:
            return raw
        try:
            body = function(provider, operation, _decode(raw))
            return raw if body is None else _encode(body)
        except Exception as error:  # noqa: BLE001 -- a hook's boundary: reported and counted
            self.failed(hook, error)
            return raw

    def failed(self, hook: str, error: Exception) -> None:
        """Report a hook that raised."""
        self.failures += 1
        self._emit(HookFailed(hook, redact(f"{type(error).__name__}: {error}"[:500])))


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
        if call.form is None:
            named = _named(call)
            body = self._guard.changed("transform_request", self.name, call.operation, named)
            if body is not named:
                call = replace(call, body=body, model=_model_in(body) or call.model)
        answer = await self._inner.send(call)
        if self._guard.hooks.process_response is None:
            return answer
        return _ProcessedAnswer(answer, self._guard, call.operation)


class _ProcessedAnswer:
    def __init__(self, inner: Answer, guard: HookGuard, operation: str) -> None:
        self.head = inner.head
        self._inner = inner
        self._guard = guard
        self._operation = operation

    async def next(self) -> Event | None:
        event = await self._inner.next()
        if event is None or not event.data.startswith(b"{"):
            return event
        name = self.head.provider
        data = self._guard.changed("process_response", name, self._operation, event.data)
        if data is event.data:
            return event
        raw = data if self.head.body is BodyKind.WHOLE else _with_data(event.raw, data)
        return replace(event, raw=raw, data=data)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _with_data(raw: bytes, data: bytes) -> bytes:
    """Return a server-sent event with other data; its other fields stay."""
    lines = [line for line in raw.splitlines() if line and not line.startswith(b"data")]
    return b"\n".join((*lines, b"data: " + data, b"", b""))


class _Named(msgspec.Struct):
    model: str = ""


_decode_named: Final = msgspec.json.Decoder(_Named).decode


def _model_in(body: bytes) -> str:
    return _decode_named(body).model


def _named(call: Call) -> bytes:
    """Return the body as this provider would get it: with the name of the target's model."""
    return replace_model(call.body, call.model)
