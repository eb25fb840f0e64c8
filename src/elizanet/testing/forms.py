"""Forms, read by the standard library, so that what sent them is checked by somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP


@dataclass(frozen=True, slots=True)
class FormFile:
    """One file of a form: the name it was given, and what is in it."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """The text fields and the files of a form, each by its name; of two the last one."""

    fields: Mapping[str, str]
    files: Mapping[str, FormFile]


def read_form(content_type: str, body: bytes) -> Form | None:
    """Read a form; None if the body is none."""
    if not content_type.lower().startswith("multipart/form-data"):
        return None
    head = f"content-type: {content_type}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart() or message.defects:
        return None
    fields: dict[str, str] = {}
    files: dict[str, FormFile] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = _content_of(part)
        if not isinstance(name, str) or content is None:
            return None
        file_name = part.get_filename()
        if file_name is None:
            fields[name] = content.decode("utf-8", "replace")
        else:
            files[name] = FormFile(file_name, content)
    return Form(fields, files)


def _content_of(part: Message) -> bytes | None:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else None
