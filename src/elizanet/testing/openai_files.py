"""Files: nothing is kept, but an id says who made it and how large the file was."""

from __future__ import annotations

import time

from elizanet.testing.openai_errors import ApiError
from elizanet.testing.question import RefusedError, invalid
from elizanet.testing.received import ReceivedRequest
from elizanet.testing.reply import HttpReply, json_reply

_OWN_ID_PARTS = 4


def create_file(provider: str, number: int, request: ReceivedRequest) -> HttpReply:
    """Answer `POST files`."""
    if request.form is None or "file" not in request.form.files:
        raise invalid("Missing required parameter: 'file'.", "file")
    file = request.form.files["file"]
    name = f"file-{provider}-{number}-{len(file.content)}"
    return json_reply(_file(name, file.name, len(file.content)))


def stored_file(provider: str, method: str, endpoint: str) -> HttpReply:
    """Answer `GET` and `DELETE` of a file by its id, and `GET .../content`."""
    name, _, action = endpoint.removeprefix("files/").partition("/")
    parts = name.split("-")
    if len(parts) != _OWN_ID_PARTS or parts[1] != provider:
        message = f"No such File object: {name}"
        raise RefusedError(ApiError(404, "invalid_request_error", message, None, "id"))
    size = int(parts[3])
    if method == "DELETE":
        return json_reply({"id": name, "object": "file", "deleted": True})
    if action == "content":
        return HttpReply(body=b"x" * size, content_type="application/octet-stream")
    return json_reply(_file(name, "file", size))


def _file(name: str, file_name: str, size: int) -> dict[str, object]:
    return {
        "id": name,
        "object": "file",
        "bytes": size,
        "created_at": int(time.time()),
        "filename": file_name,
        "purpose": "user_data",
    }
