"""A request as it came over the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from elizanet.testing.forms import Form, read_form


@dataclass(frozen=True, repr=False)  # no slots: what is decoded is kept
class ReceivedRequest:
    """One request: the head as sent, the body without its transfer coding.

    `path` is without the query, which is in `query`. `headers` keeps order, case and
    repetition. `at` is the event loop's time (seconds) when the request was complete.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float
    query: str = ""

    def header(self, name: str, default: str = "") -> str:
        """The first header of that name, in any case, or `default`."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), default)

    @cached_property
    def json(self) -> object:
        """The decoded body. Raises `ValueError` if it is not JSON."""
        return json.loads(self.body)

    @cached_property
    def form(self) -> Form | None:
        """The body as a form; None if it is none, or none that can be read."""
        return read_form(self.header("content-type"), self.body)

    @cached_property
    def fields(self) -> Mapping[str, object]:
        """The body's JSON object, or the form's text fields, or nothing at all."""
        if self.form is not None:
            return self.form.fields
        try:
            decoded = self.json
        except (ValueError, RecursionError):
            return {}
        return decoded if isinstance(decoded, dict) else {}

    @property
    def endpoint(self) -> str:
        """The path below `/v1/`, for example `chat/completions`."""
        return self.path.removeprefix("/v1").strip("/")

    @property
    def model(self) -> str:
        """The model asked for, or "" where the body names none."""
        model = self.fields.get("model")
        return model if isinstance(model, str) else ""

    @property
    def stream(self) -> bool:
        """Whether the caller asked for a stream."""
        asked = self.fields.get("stream")
        return asked is True or asked == "true" or self.fields.get("stream_format") == "sse"

    def __repr__(self) -> str:  # headers stay out: they carry the key
        return f"<ReceivedRequest {self.method} {self.path} {self.model} {len(self.body)} bytes>"
