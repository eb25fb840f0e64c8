"""Replace the value of `model` in a request body and not one other byte."""

from __future__ import annotations

from typing import Final

import msgspec

from elizanet.call import Form
from elizanet.json_fields import JsonField

_MODEL: Final = JsonField("model")


def replace_model(body: bytes, model: str, implied: str | None = None) -> bytes:
    """Return `body` with `model` as the value of its top-level `model`.

    `implied` is the model that a body without this field means; there the field is added,
    unless it is that model that is wanted. Raises `ValueError` for a body that is not a JSON
    object, or that names no model and means none.
    """
    if implied is None or _MODEL.raw(body) is not None:
        return _MODEL.replaced(body, msgspec.json.encode(model))
    return body if model == implied else _MODEL.put(body, msgspec.json.encode(model))


def replace_model_in_form(body: bytes, form: Form, model: str, implied: str | None = None) -> bytes:
    """Return the form with `model` as the value of its field; `implied` as above."""
    value = model.encode()
    adds_nothing = model == implied if form.before else value == body[form.start : form.end]
    if adds_nothing:
        return body
    return b"".join((body[: form.start], form.before, value, form.after, body[form.end :]))
