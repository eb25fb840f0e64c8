"""The official Python client, synchronous: every resource, with only the base URL changed."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator

import pytest
from openai import OpenAI
from pydantic import BaseModel

from support.gateway_process import PROVIDERS_KEY, Gateway, Providers

pytestmark = pytest.mark.sdks

ASKED = [{"role": "user", "content": "why is the sky blue"}]
ANSWER = "primary answers: why is the sky blue"


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=gateway.base_url, api_key=gateway.key) as made:
        yield made


def test_a_chat_is_answered_by_the_first_provider(client: OpenAI, providers: Providers) -> None:
    """The answer is the provider's, and only the key was exchanged on the way to it."""
    answer = client.chat.completions.create(model="gpt-4o", messages=ASKED, seed=7)
    assert answer.choices[0].message.content == ANSWER
    assert answer.usage.total_tokens > 0
    received = providers.last()
    assert received.header("authorization") == f"Bearer {PROVIDERS_KEY}"
    assert received.fields == {"model": "gpt-4o", "messages": ASKED, "seed": 7}


def test_a_field_that_nobody_knows_reaches_the_provider(
    client: OpenAI, providers: Providers
) -> None:
    """What the gateway has no business with passes byte for byte."""
    odd = {"x_of_tomorrow": [1.0, 1e-7, {"ü": None}]}
    client.chat.completions.create(model="gpt-4o", messages=ASKED, extra_body=odd)
    assert providers.last().fields["x_of_tomorrow"] == odd["x_of_tomorrow"]


def test_the_headers_tell_who_answered(client: OpenAI) -> None:
    """A caller who wants to know can see which provider it was, and that it was not the first."""
    raw = client.chat.completions.with_raw_response.create(model="falls-back", messages=ASKED)
    assert raw.parse().choices[0].message.content == "backup answers: why is the sky blue"
    assert raw.headers["x-elizanet-provider"] == "backup"
    assert raw.headers["x-elizanet-fallback"] == "overloaded"
    assert raw.request_id is not None


def test_a_stream_arrives_whole(client: OpenAI) -> None:
    """Every piece arrives, then the finish reason, then the usage that was asked for."""
    stream = client.chat.completions.create(
        model="gpt-4o", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == ANSWER
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None


def test_a_stream_falls_back_unseen(client: OpenAI) -> None:
    """A stream whose first provider is down comes from the second one, from its beginning."""
    stream = client.chat.completions.create(model="falls-back", messages=ASKED, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == "backup answers: why is the sky blue"


def test_the_stream_helper_gathers_the_answer(client: OpenAI) -> None:
    """The client's own accumulator finds a complete answer in our stream."""
    with client.chat.completions.stream(model="gpt-4o", messages=ASKED) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content == ANSWER


def test_an_answer_is_parsed_into_a_model(client: OpenAI) -> None:
    """A schema goes up, an object of it comes back."""

    class City(BaseModel):
        name: str
        people: int

    answer = client.chat.completions.parse(model="gpt-4o", messages=ASKED, response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)


def test_a_completion_of_the_old_kind(client: OpenAI) -> None:
    """The legacy endpoint is answered whole and as a stream."""
    asked = {"model": "gpt-3.5-turbo-instruct", "prompt": "once upon"}
    assert client.completions.create(**asked).choices[0].text == "primary answers: once upon"
    pieces = [chunk.choices[0].text for chunk in client.completions.create(**asked, stream=True)]
    assert "".join(pieces) == "primary answers: once upon"


def test_embeddings_are_the_same_in_both_encodings(client: OpenAI, providers: Providers) -> None:
    """The client asks for base64 by itself, and decodes what comes back through us."""
    asked = {"model": "text-embedding-3-small", "input": ["one", "two"], "dimensions": 8}
    packed = client.embeddings.create(**asked)
    assert providers.last().fields["encoding_format"] == "base64"
    plain = client.embeddings.create(**asked, encoding_format="float")
    assert [len(item.embedding) for item in packed.data] == [8, 8]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)


def test_an_image_is_generated(client: OpenAI) -> None:
    """An image comes as an address or as data, as asked."""
    linked = client.images.generate(model="dall-e-3", prompt="a cat")
    assert linked.data[0].url
    packed = client.images.generate(model="dall-e-3", prompt="a cat", response_format="b64_json")
    assert base64.b64decode(packed.data[0].b64_json)


def test_an_image_is_edited(client: OpenAI, providers: Providers) -> None:
    """A form goes up with the file unchanged and only the model's field its own."""
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
    edited = client.images.edit(
        model="gpt-image-1", image=("cat.png", io.BytesIO(picture), "image/png"), prompt="a hat"
    )
    assert edited.data
    form = providers.last_form()
    assert form.files["image"].content == picture
    assert form.fields["prompt"] == "a hat"


def test_speech_arrives_as_bytes(client: OpenAI) -> None:
    """A binary answer is passed on as it comes, whole or piece by piece."""
    asked = {"model": "tts-1", "voice": "alloy", "input": "hello there"}
    whole = client.audio.speech.create(**asked).content
    assert len(whole) > 0
    with client.audio.speech.with_streaming_response.create(**asked) as streamed:
        assert b"".join(streamed.iter_bytes()) == whole


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of translations, by OpenAI
@pytest.mark.parametrize("kind", ["transcriptions", "translations"])
def test_speech_is_written_down(client: OpenAI, providers: Providers, kind: str) -> None:
    """A recording goes up as a form, its text comes back."""
    recording = b"RIFF" + bytes(range(256)) * 64
    file = ("speech.wav", io.BytesIO(recording), "audio/wav")
    text = getattr(client.audio, kind).create(model="whisper-1", file=file).text
    assert "primary" in text
    assert providers.last_form().files["file"].content == recording


def test_a_text_is_moderated(client: OpenAI) -> None:
    """The model may be left out, as in OpenAI's API."""
    assert client.moderations.create(input="hello").results[0].flagged is False


def test_the_models_are_listed(client: OpenAI) -> None:
    """The list has the configured names and what the glob matches; each can be asked for."""
    names = {model.id for model in client.models.list()}
    assert {"falls-back", "gpt-4o"} <= names
    assert client.models.retrieve("falls-back").id == "falls-back"


def test_a_response_is_created(client: OpenAI) -> None:
    """The Responses API answers whole."""
    answer = client.responses.create(model="gpt-4o", input="why is the sky blue")
    assert answer.status == "completed"
    assert answer.output_text == ANSWER


def test_a_response_is_streamed(client: OpenAI) -> None:
    """The Responses API streams its events in order, to the one that completes it."""
    stream = client.responses.create(model="gpt-4o", input="why is the sky blue", stream=True)
    events = list(stream)
    assert [events[0].type, events[-1].type] == ["response.created", "response.completed"]
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert text == ANSWER


def test_a_response_is_continued_and_fetched(client: OpenAI, providers: Providers) -> None:
    """A stored response is asked of the provider that made it."""
    first = client.responses.create(model="gpt-4o", input="one")
    client.responses.create(model="gpt-4o", input="two", previous_response_id=first.id)
    assert providers.last().fields["previous_response_id"] == first.id
    assert client.responses.retrieve(first.id).id == first.id


def test_files_pass_through(client: OpenAI, providers: Providers) -> None:
    """What names no model goes to the provider of `passthrough`, with its own key."""
    content = b'{"custom_id": "1"}\n' * 2000
    made = client.files.create(file=("batch.jsonl", content), purpose="batch")
    assert providers.last_form().files["file"].content == content
    assert providers.last().header("authorization") == f"Bearer {PROVIDERS_KEY}"
    assert client.files.retrieve(made.id).id == made.id
    assert len(client.files.content(made.id).content) == len(content)
    assert client.files.delete(made.id).deleted


def test_a_large_prompt_arrives_unchanged(client: OpenAI, providers: Providers) -> None:
    """Two megabytes of every kind of character are what the provider reads."""
    text = "".join(chr(code) for code in range(32, 0x2FFF)) * 80
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}])
    assert json.loads(providers.last().body)["messages"][0]["content"] == text
