"""What a request asks, read as strictly as OpenAI's API reads it."""

from __future__ import annotations

from collections.abc import Mapping

from elizanet.testing.forms import FormFile
from elizanet.testing.openai_errors import ApiError
from elizanet.testing.received import ReceivedRequest

Json = Mapping[str, object]


class RefusedError(Exception):
    """A request the API does not answer; `model` is named in the error's text."""

    def __init__(self, error: ApiError, model: str = "") -> None:
        super().__init__(error.message)
        self.error = error
        self.model = model


def invalid(message: str, param: str | None = None) -> RefusedError:
    """A refusal of the caller's request (status 400)."""
    return RefusedError(ApiError(400, "invalid_request_error", message, None, param))


class Question:
    """A POST body that is a JSON object, or a form, with a model.

    `provider` is who answers, `base_url` its address, `number` counts its requests.
    `default_model` is what a body means that names none. Raises `RefusedError` for a body
    that is neither, or means no model.
    """

    def __init__(
        self,
        provider: str,
        base_url: str,
        number: int,
        request: ReceivedRequest,
        default_model: str = "",
    ) -> None:
        self.provider = provider
        self.base_url = base_url
        self.number = number
        self.files: Mapping[str, FormFile] = {} if request.form is None else request.form.files
        self.body: Json = _json(request) if request.form is None else request.fields
        self.model = self.text("model") or default_model
        if not self.model:
            raise invalid("You must provide a model parameter.", "model")

    def text(self, name: str) -> str:
        """A string parameter, "" if absent."""
        value = self.body.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise invalid(f"Invalid type for '{name}': expected a string.", name)
        return value

    def integer(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 to `most`, `default` if absent."""
        value = self.body.get(name)
        if value is None:
            return default
        if self.files and isinstance(value, str) and value.isdecimal():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise invalid(f"Invalid '{name}': expected an integer from 1 to {most}.", name)
        return value

    def part(self, name: str) -> Json:
        """A parameter that is an object, empty if absent."""
        value = self.body.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise invalid(f"Invalid type for '{name}': expected an object.", name)
        return value

    def file(self, name: str) -> FormFile:
        """A file of a form."""
        if name not in self.files:
            raise invalid(f"Missing required parameter: '{name}'.", name)
        return self.files[name]

    @property
    def stream(self) -> bool:
        """Whether the answer is to be a stream."""
        asked = self.body.get("stream")
        return asked is True or (bool(self.files) and asked == "true")

    @property
    def stream_usage(self) -> bool:
        """Whether a stream is to end with the usage."""
        return self.part("stream_options").get("include_usage") is True


def _json(request: ReceivedRequest) -> Json:
    try:
        decoded = request.json
    except (ValueError, RecursionError):
        raise invalid("We could not parse the JSON body of your request.") from None
    if not isinstance(decoded, dict):
        raise invalid("The body of the request must be a JSON object.")
    return decoded


def plain_text(content: object) -> str:
    """The text of a message's content, or of a prompt: a string, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(filter(None, map(plain_text, content)))
    if isinstance(content, dict):
        return plain_text(content.get("text"))
    return ""


def tokens_in(text: str) -> int:
    """A plausible number of tokens: four characters each."""
    return (len(text) + 3) // 4
