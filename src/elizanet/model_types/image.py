"""IMAGE: a prompt in, addresses of images out."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from elizanet.errors import InputError
from elizanet.model_types.parameters import Parameters, required_text

_CHOICES: Final = {"style": ("vivid", "natural")}


class _Image(msgspec.Struct):
    url: str | None = None
    b64_json: str | None = None


class _Images(msgspec.Struct):
    data: list[_Image]
    output_format: Any = None


_decode_images = msgspec.json.Decoder(_Images).decode


def image_fields(parameters: Parameters, model: str, most: int) -> Parameters:
    """Return the fields of the request. Raises `InputError`."""
    prompt = required_text(parameters, "prompt", most)
    fields: Parameters = {"model": parameters.pop("model", model), "prompt": prompt}
    if "count" in parameters:
        parameters.setdefault("n", parameters.pop("count"))
    for name, allowed in _CHOICES.items():
        if parameters.get(name, allowed[0]) not in allowed:
            message = f"`{name}` is {parameters[name]!r}; allowed are {' and '.join(allowed)}"
            raise InputError(message[:200], param=name)
    return fields | parameters


def images_in(body: bytes) -> list[dict[str, str]]:
    """Return `[{"url": ...}]`; an image that came as base64 becomes a data URL."""
    answer = _decode_images(body)
    kind = answer.output_format if isinstance(answer.output_format, str) else "png"
    return [
        {"url": image.url or f"data:image/{kind};base64,{image.b64_json}"} for image in answer.data
    ]
