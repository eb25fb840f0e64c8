"""Forms as clients write them."""

from __future__ import annotations

BOUNDARY = "----a-boundary-0123456789"
TYPE = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"


def part(name: str, content: bytes, file_name: str | None = None, *headers: str) -> bytes:
    """One part of a form, from its boundary to its last line end."""
    named = f'form-data; name="{name}"'
    if file_name is not None:
        named += f'; filename="{file_name}"'
    lines = [f"--{BOUNDARY}", f"Content-Disposition: {named}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """A whole form."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def audio_form(audio: bytes, model: str = "gpt-4o", **fields: str) -> bytes:
    """A form with an audio file; its model and other fields come after the file."""
    after = [part(name, value.encode()) for name, value in {"model": model, **fields}.items()]
    return form(part("file", audio, "a.mp3", "Content-Type: audio/mpeg"), *after)
