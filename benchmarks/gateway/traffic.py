"""The traffic of every measurement: one chat request as an SDK sends it, and its answers.

A request of 1 KB is answered with 0.65 KB, or with a stream of events of 0.2 KB. Heads are
as long as those of the official SDK and of OpenAI.
"""

from __future__ import annotations

import json
import re
from typing import Final

KEY: Final = "sk-a-caller-of-the-benchmark"
PLAIN: Final = "gpt-4o"
"""A model whose first target answers."""
FALLING_BACK: Final = "gpt-4"
"""A model whose first target refuses every prompt as too long, so that its second answers."""

PATH: Final = "/v1/chat/completions"
REFUSING_BASE: Final = "/refusing/v1"
"""The base path at the provider under which every request is refused."""

REQUEST_BYTES: Final = 1024
ANSWER_BYTES: Final = 650
ENDLESS: Final = 1_000_000
"""Events of a stream that is not to end by itself."""
STREAM_MARK: Final = b'"stream":true'
REQUEST_END: Final = b'"}]}'
ANSWER_END: Final = b',"end":1}'
LAST_CHUNK: Final = b"0\r\n\r\n"
_EVENTS_WANTED: Final = re.compile(rb'"max_tokens":(\d+)')

_SDK_HEADERS: Final = {
    "host": "gateway.example",
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "connection": "keep-alive",
    "content-type": "application/json",
    "user-agent": "OpenAI/Python 2.8.0",
    "x-stainless-arch": "x64",
    "x-stainless-async": "false",
    "x-stainless-lang": "python",
    "x-stainless-os": "Linux",
    "x-stainless-package-version": "2.8.0",
    "x-stainless-retry-count": "0",
    "x-stainless-runtime": "CPython",
    "x-stainless-runtime-version": "3.11.7",
    "authorization": f"Bearer {KEY}",
}
_PROVIDER_HEADERS: Final = {
    "date": "Sun, 22 Nov 2026 10:00:00 GMT",
    "openai-processing-ms": "312",
    "x-request-id": "req_5f2c1b7e9d3a4c80b6e1f0a2d4c6e8f0",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-remaining-requests": "9999",
}


def request(model: str, events: int = 0) -> bytes:
    """Return a whole HTTP request with a body of 1 KB; `events`: of the stream it asks for."""
    mark = b'%b,"max_tokens":%d,' % (STREAM_MARK, events) if events else b""
    opening = b'{"model":"%b",%b"messages":[{"role":"user","content":"' % (model.encode(), mark)
    prompt = b"Why is the sky blue? " * 60
    body = (opening + prompt)[: REQUEST_BYTES - len(REQUEST_END)] + REQUEST_END
    return _message(f"POST {PATH} HTTP/1.1", _SDK_HEADERS, body)


def events_wanted(message: bytes) -> int:
    """Return how many events a request asks for."""
    return int(_EVENTS_WANTED.findall(message)[0])


def answer() -> bytes:
    """Return a whole HTTP answer with a body of 0.65 KB."""
    opening = (
        b'{"id":"chatcmpl-BfXq0aYJm6W4o5gqL0t4dX1vC9Pzs","object":"chat.completion","choices":['
    )
    opening += b'{"index":0,"message":{"role":"assistant","refusal":null,"content":"'
    closing = (
        b'"},"finish_reason":"stop"}],"created":1795341600,"model":"gpt-4o-2024-08-06","usage":'
    )
    closing += b'{"prompt_tokens":241,"completion_tokens":61,"total_tokens":302}' + ANSWER_END
    text = b"Because air scatters blue light. " * 20
    body = (opening + text)[: ANSWER_BYTES - len(closing)] + closing
    return _message("HTTP/1.1 200 OK", _answer_headers("application/json"), body)


def refusal() -> bytes:
    """Return the whole HTTP answer to a prompt that is too long."""
    message = (
        "This model's maximum context length is 8192 tokens. However, your messages resulted in "
        "9001 tokens. Please reduce the length of the messages."
    )
    return error("400 Bad Request", "context_length_exceeded", message=message)


def error(
    status: str, code: str, headers: dict[str, str] | None = None, message: str = "Try again later."
) -> bytes:
    """Return a whole HTTP answer that is an error."""
    fields = {"message": message, "type": "error", "param": None, "code": code}
    head = {**_answer_headers("application/json"), **(headers or {})}
    return _message(f"HTTP/1.1 {status}", head, json.dumps({"error": fields}).encode())


def stream_head() -> bytes:
    """Return the head of a streamed answer."""
    headers = {**_answer_headers("text/event-stream"), "transfer-encoding": "chunked"}
    return _head("HTTP/1.1 200 OK", headers)


def event() -> bytes:
    """Return one event with content, as a chunk of its body."""
    return chunk(_delta(b'{"content":" scattering"}', b"null"))


def stream_end() -> bytes:
    """Return the events that finish a stream, and the last chunk."""
    return chunk(_delta(b"{}", b'"stop"')) + chunk(b"data: [DONE]\n\n") + LAST_CHUNK


def _delta(delta: bytes, reason: bytes) -> bytes:
    opening = (
        b'data: {"id":"chatcmpl-BfXq0aYJm6W4o5gqL0t4dX1vC9Pzs","object":"chat.completion.chunk",'
    )
    opening += b'"created":1795341600,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":'
    return b'%b%b,"finish_reason":%b}]}\n\n' % (opening, delta, reason)


def _answer_headers(kind: str) -> dict[str, str]:
    return {"content-type": kind, **_PROVIDER_HEADERS}


def _message(first_line: str, headers: dict[str, str], body: bytes) -> bytes:
    return _head(first_line, {**headers, "content-length": str(len(body))}) + body


def _head(first_line: str, headers: dict[str, str]) -> bytes:
    lines = [first_line, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


def chunk(data: bytes) -> bytes:
    """Return bytes as a chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)
