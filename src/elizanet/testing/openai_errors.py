"""The errors OpenAI's API answers with, by the names the faults give them."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses

from elizanet.testing.reply import HttpReply, json_reply


@dataclass(frozen=True, slots=True)
class ApiError:
    """One error of the API. `{model}` in the message is the model that was asked for."""

    status: int
    type: str
    message: str
    code: str | None = None
    param: str | None = None

    def body(self, model: str = "") -> dict[str, object]:
        """The error as the JSON object of a body or an event."""
        message = self.message.replace("{model}", model or "gpt-4o")
        error = {"message": message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": error}

    def reply(self, model: str = "") -> HttpReply:
        """The error as an answer."""
        return json_reply(self.body(model), self.status)


NAMED = {
    "rate_limit": ApiError(
        429, "requests", "Rate limit reached for {model} on requests per min (RPM).",
        "rate_limit_exceeded",
    ),
    "quota": ApiError(
        429, "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
    ),
    "overloaded": ApiError(
        503, "server_error", "The engine is currently overloaded, please try again later.",
    ),
    "auth": ApiError(
        401, "invalid_request_error",
        "Incorrect API key provided. You can find your API key in your account settings.",
        "invalid_api_key",
    ),
    "bad_request": ApiError(
        400, "invalid_request_error",
        "Invalid 'temperature': decimal above maximum value."
        " Expected a value <= 2, but got 3 instead.",
        "decimal_above_max_value", "temperature",
    ),
    "content_policy": ApiError(
        400, "invalid_request_error",
        "The response was filtered due to the prompt triggering the content management policy."
        " Please modify your prompt and retry.",
        "content_filter", "prompt",
    ),
    "context": ApiError(
        400, "invalid_request_error",
        "This model's maximum context length is 128000 tokens. However, your messages resulted"
        " in 200113 tokens. Please reduce the length of the messages.",
        "context_length_exceeded", "messages",
    ),
    "model_not_found": ApiError(
        404, "invalid_request_error",
        "The model `{model}` does not exist or you do not have access to it.",
        "model_not_found", "model",
    ),
}  # fmt: skip
"""The errors that have a name of their own."""

_BY_STATUS = {
    400: NAMED["bad_request"],
    401: NAMED["auth"],
    403: ApiError(
        403, "request_forbidden", "Country, region, or territory not supported.",
        "unsupported_country_region_territory",
    ),
    404: NAMED["model_not_found"],
    408: ApiError(408, "timeout", "The request timed out."),
    413: ApiError(413, "invalid_request_error", "The request is too large."),
    429: NAMED["rate_limit"],
    500: ApiError(
        500, "server_error", "The server had an error while processing your request."
    ),
    502: ApiError(502, "server_error", "Bad gateway."),
    503: NAMED["overloaded"],
    504: ApiError(504, "server_error", "Gateway timeout."),
    529: ApiError(529, "overloaded_error", "Overloaded"),
}  # fmt: skip


def error_for(status: int) -> ApiError:
    """The usual error of a status."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    kind = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    return ApiError(status, kind, f"{responses.get(status, f'Status {status}')}.")
