"""What the local provider answers while it works."""

from __future__ import annotations

import base64
import json
import math
import struct
import zlib
from typing import TYPE_CHECKING

import jsonschema_rs
import pytest

from elizanet.testing import Upstream

if TYPE_CHECKING:
    from testing.conftest import Ask

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer", "minimum": 5}},
    "required": ["city", "people"],
    "additionalProperties": False,
}


def object_format() -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}


async def test_a_chat_answer_names_the_provider_and_the_prompt(ask: Ask) -> None:
    """The text tells who answered what, and the rest has OpenAI's shape."""
    async with Upstream(name="primary") as upstream:
        heard = await ask(upstream)
    answer = heard.json
    assert heard.status == 200
    assert heard.text == "primary answers: Why is the sky blue?"
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "gpt-4o"
    assert answer["choices"][0]["finish_reason"] == "stop"
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 2


async def test_a_streamed_chat_says_the_same_as_a_whole_one(ask: Ask) -> None:
    """Role first, then content, then the finish, then [DONE]."""
    async with Upstream(name="primary") as upstream:
        whole = await ask(upstream)
        heard = await ask(upstream, stream=True)
    assert heard.text == whole.text
    assert heard.data[-1] == "[DONE]"
    choices = [chunk["choices"][0] for chunk in heard.chunks]
    assert choices[0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert [c["finish_reason"] for c in choices] == [None] * (len(choices) - 1) + ["stop"]
    assert choices[-1]["delta"] == {}
    assert not any("usage" in chunk for chunk in heard.chunks)


async def test_a_stream_ends_with_the_usage_where_it_is_asked_for(ask: Ask) -> None:
    """With include_usage the last chunk has the usage and no choices."""
    async with Upstream() as upstream:
        heard = await ask(upstream, stream=True, stream_options={"include_usage": True})
    assert heard.chunks[-1]["choices"] == []
    assert heard.chunks[-1]["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_token_limit_cuts_the_text_and_says_so(ask: Ask, stream: bool) -> None:
    """The finish reason of a text that met its limit is `length`."""
    async with Upstream(name="primary") as upstream:
        heard = await ask(upstream, stream=stream, max_tokens=3)
    assert heard.text == "primary answers: Why"
    last = heard.chunks[-1] if stream else heard.json
    assert last["choices"][0]["finish_reason"] == "length"


async def test_parts_of_a_message_are_read(ask: Ask) -> None:
    """Content may be a list of parts; the last user message counts."""
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "image_url"}]},
        {"role": "assistant", "content": None},
    ]
    async with Upstream(name="p") as upstream:
        assert (await ask(upstream, messages=messages)).text == "p answers: Hello"


async def test_several_choices_are_given_where_several_are_asked_for(ask: Ask) -> None:
    """`n` is honoured whole and streamed."""
    async with Upstream() as upstream:
        whole = await ask(upstream, n=3)
        streamed = await ask(upstream, n=2, stream=True)
    assert [choice["index"] for choice in whole.json["choices"]] == [0, 1, 2]
    assert {chunk["choices"][0]["index"] for chunk in streamed.chunks} == {0, 1}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_completion_is_answered(ask: Ask, stream: bool) -> None:
    """The older endpoint has its own shape, whole and streamed."""
    async with Upstream(name="p") as upstream:
        payload = {"model": "m", "prompt": "Once upon", "stream": stream}
        heard = await ask(upstream, "completions", payload)
    assert heard.text == "p answers: Once upon"
    first = heard.chunks[0] if stream else heard.json
    assert first["object"] == "text_completion"


@pytest.mark.parametrize("stream", [False, True])
async def test_an_object_satisfies_the_schema_it_was_asked_for(ask: Ask, stream: bool) -> None:
    """With a JSON schema the text is an instance of it."""
    async with Upstream() as upstream:
        heard = await ask(upstream, response_format=object_format(), stream=stream)
    jsonschema_rs.validate(SCHEMA, json.loads(heard.text))


async def test_an_object_without_a_schema_is_an_object(ask: Ask) -> None:
    """With json_object any object will do."""
    async with Upstream() as upstream:
        heard = await ask(upstream, response_format={"type": "json_object"})
    assert isinstance(json.loads(heard.text), dict)


async def test_embeddings_are_unit_vectors_of_the_dimension_asked_for(ask: Ask) -> None:
    """The vector depends on model and input alone."""
    async with Upstream() as upstream:
        payload = {"model": "e", "input": ["one", "two", "one"], "dimensions": 8}
        heard = await ask(upstream, "embeddings", payload)
        other = await ask(upstream, "embeddings", {**payload, "model": "f"})
    one, two, again = (item["embedding"] for item in heard.json["data"])
    assert [item["index"] for item in heard.json["data"]] == [0, 1, 2]
    assert len(one) == 8
    assert math.isclose(math.fsum(x * x for x in one), 1.0)
    assert one == again != two
    assert other.json["data"][0]["embedding"] != one


@pytest.mark.parametrize(
    ("model", "length"), [("text-embedding-3-small", 1536), ("text-embedding-3-large", 3072)]
)
async def test_embeddings_have_the_usual_length_of_their_model(
    ask: Ask, model: str, length: int
) -> None:
    """Without `dimensions` the length is OpenAI's."""
    async with Upstream() as upstream:
        heard = await ask(upstream, "embeddings", {"model": model, "input": "hello"})
    assert len(heard.json["data"][0]["embedding"]) == length


async def test_packed_embeddings_are_the_same_numbers(ask: Ask) -> None:
    """base64 holds little-endian 32-bit floats."""
    async with Upstream() as upstream:
        payload = {"model": "e", "input": [1, 2, 3], "dimensions": 4}
        plain = await ask(upstream, "embeddings", payload)
        packed = await ask(upstream, "embeddings", {**payload, "encoding_format": "base64"})
    numbers = struct.unpack("<4f", base64.b64decode(packed.json["data"][0]["embedding"]))
    expected = plain.json["data"][0]["embedding"]
    assert all(math.isclose(a, b, rel_tol=1e-6) for a, b in zip(numbers, expected, strict=True))
    assert plain.json["usage"]["prompt_tokens"] == 3


async def test_many_token_arrays_give_many_vectors(ask: Ask) -> None:
    """A list of lists of tokens is a list of inputs."""
    async with Upstream() as upstream:
        payload = {"model": "e", "input": [[1, 2], [3]], "dimensions": 4}
        heard = await ask(upstream, "embeddings", payload)
    assert len(heard.json["data"]) == 2


@pytest.mark.parametrize("wrong", ["", [], [""], [1, "a"], [[1], []], 5, None, {}, [True]])
async def test_an_input_that_cannot_be_embedded_is_refused(ask: Ask, wrong: object) -> None:
    """Empty and mixed inputs are the caller's mistake."""
    async with Upstream() as upstream:
        heard = await ask(upstream, "embeddings", {"model": "e", "input": wrong})
    assert heard.status == 400
    assert heard.error["param"] == "input"


async def test_an_image_link_leads_to_a_picture(ask: Ask) -> None:
    """The link of a generated image can be fetched."""
    async with Upstream() as upstream:
        payload = {"model": "dall-e-3", "prompt": "a sunset", "n": 2}
        heard = await ask(upstream, "images/generations", payload)
        links = [item["url"] for item in heard.json["data"]]
        picture = await ask(upstream, links[0].removeprefix(upstream.base_url + "/"), method="GET")
        missing = await ask(upstream, "pictures/nothing.png", method="GET")
    assert len(set(links)) == 2
    assert picture.headers["content-type"] == "image/png"
    assert_is_png(picture.body)
    assert missing.status == 404


async def test_image_bytes_are_a_picture(ask: Ask) -> None:
    """b64_json holds the file itself."""
    async with Upstream() as upstream:
        payload = {"model": "dall-e-3", "prompt": "a sunset", "response_format": "b64_json"}
        heard = await ask(upstream, "images/generations", payload)
    assert_is_png(base64.b64decode(heard.json["data"][0]["b64_json"], validate=True))


def assert_is_png(data: bytes) -> None:
    """Signature, checksums and pixel data are those of a PNG."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    rest, kinds = data[8:], []
    while rest:
        length = int.from_bytes(rest[:4])
        kind, content, checksum = rest[4:8], rest[8 : 8 + length], rest[8 + length : 12 + length]
        assert zlib.crc32(kind + content) == int.from_bytes(checksum)
        kinds.append(kind)
        if kind == b"IDAT":
            assert len(zlib.decompress(content)) == 4
        rest = rest[12 + length :]
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]


async def test_models_are_listed_and_named(ask: Ask) -> None:
    """A provider that was given models serves those and no others."""
    async with Upstream(models=("small", "large")) as upstream:
        listed = await ask(upstream, "models", method="GET")
        one = await ask(upstream, "models/small", method="GET")
        none = await ask(upstream, "models/huge", method="GET")
        unknown = await ask(upstream, model="huge")
        known = await ask(upstream, model="large")
    assert [model["id"] for model in listed.json["data"]] == ["small", "large"]
    assert one.json["id"] == "small"
    assert none.status == unknown.status == 404
    assert none.error["code"] == unknown.error["code"] == "model_not_found"
    assert "huge" in none.error["message"]
    assert known.status == 200


async def test_a_provider_without_models_serves_any(ask: Ask) -> None:
    """It lists a few and answers for all."""
    async with Upstream() as upstream:
        assert (await ask(upstream, "models", method="GET")).json["data"]
        assert (await ask(upstream, model="anything")).status == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ((), None),
        (("Authorization: Bearer wrong",), "invalid_api_key"),
        (("Authorization: Basic right",), None),
    ],
)
async def test_a_wrong_key_is_refused(ask: Ask, headers: tuple[str, ...], code: str | None) -> None:
    """The 401 is OpenAI's, and tells a missing key from a wrong one."""
    async with Upstream(api_key="right") as upstream:
        heard = await ask(upstream, headers=headers)
        listed = await ask(upstream, "models", method="GET", headers=headers)
    assert heard.status == listed.status == 401
    assert heard.error["code"] == code


async def test_the_right_key_is_accepted_and_never_shown(ask: Ask) -> None:
    """Neither the provider nor the request shows the key."""
    async with Upstream(api_key="sk-right") as upstream:
        heard = await ask(upstream, headers=("Authorization: Bearer sk-right",))
        assert heard.status == 200
        assert "sk-right" not in repr(upstream) + repr(upstream.requests)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "nothing"), ("POST", "audio/nothing"), ("GET", "chat/completions"), ("PUT", "models")],
)
async def test_what_does_not_exist_is_a_404_of_the_usual_shape(
    ask: Ask, method: str, path: str
) -> None:
    """Other paths and methods are told apart from a model that is not there."""
    async with Upstream() as upstream:
        heard = await ask(upstream, path, method=method)
    assert heard.status == 404
    assert heard.error["type"] == "invalid_request_error"
    assert path in heard.error["message"]


@pytest.mark.parametrize(
    "payload",
    [
        [1],
        {"messages": [{"role": "user", "content": "Hi"}]},
        {"model": 4, "messages": [{"role": "user", "content": "Hi"}]},
        {"model": "m"},
        {"model": "m", "messages": []},
        {"model": "m", "messages": "Hi"},
        {"model": "m", "messages": [{"content": "Hi"}]},
        {"model": "m", "messages": ["Hi"]},
        {"model": "m", "messages": [{"role": "user"}], "n": 0},
        {"model": "m", "messages": [{"role": "user"}], "n": True},
        {"model": "m", "messages": [{"role": "user"}], "max_tokens": "many"},
        {"model": "m", "messages": [{"role": "user"}], "stream_options": 1, "stream": True},
        {"model": "m", "messages": [{"role": "user"}], "response_format": {"type": "json_schema"}},
    ],
)
async def test_a_request_openai_would_refuse_is_refused(ask: Ask, payload: object) -> None:
    """The caller's mistakes are 400s with one sentence."""
    async with Upstream() as upstream:
        heard = await ask(upstream, payload=payload)
    assert heard.status == 400
    assert heard.error["type"] == "invalid_request_error"


async def test_every_answer_has_a_request_id(ask: Ask) -> None:
    """Good answers and errors carry one, each its own."""
    async with Upstream(name="p") as upstream:
        first = await ask(upstream)
        upstream.fail("status=500")
        second = await ask(upstream)
    assert (first.headers["x-request-id"], second.headers["x-request-id"]) == ("req_p_1", "req_p_2")


async def test_latency_and_chunk_delay_slow_a_good_answer(ask: Ask) -> None:
    """The delays are real seconds, per answer and per event."""
    async with Upstream(latency=0.1, chunk_delay=0.02) as upstream:
        whole = await ask(upstream)
        streamed = await ask(upstream, stream=True)
    assert whole.seconds >= 0.09
    assert streamed.seconds >= 0.09 + 0.018 * len(streamed.data)


async def test_any_text_is_echoed_as_valid_json(ask: Ask) -> None:
    """Text that UTF-8 cannot hold, such as half a surrogate pair, comes back escaped."""
    text = "\ud83d ü \x00 \u2028"
    messages = [{"role": "user", "content": text}]
    async with Upstream(name="p") as upstream:
        whole = await ask(upstream, messages=messages)
        streamed = await ask(upstream, messages=messages, stream=True)
        embedded = await ask(upstream, "embeddings", {"model": "e", "input": text})
        drawn = await ask(upstream, "images/generations", {"model": "e", "prompt": text})
        unknown = await ask(upstream, f"{chr(0x2028)}", method="POST")
    assert whole.text == streamed.text == "p answers: \ud83d ü \x00"
    assert embedded.status == drawn.status == 200
    assert unknown.status == 404
