"""The other endpoints of the failing provider: audio, images, moderations, responses, files."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from elizanet.testing import Upstream
from support.forms import TYPE, audio_form, form, part

if TYPE_CHECKING:
    from testing.conftest import Ask, Heard

IMAGE = part("image", b"PNG", "a.png")


def events_of(heard: Heard) -> list[dict[str, Any]]:
    """The events of a typed stream; each is named after its type."""
    found: list[dict[str, Any]] = []
    for block in heard.body.decode().removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        assert event["sequence_number"] == len(found)
        found.append(event)
    return found


async def test_moderations_have_a_result_for_each_text(ask: Ask) -> None:
    """And one for a list of parts; the model may be left out."""
    async with Upstream() as upstream:
        one = await ask(upstream, "moderations", {"input": "flowers"})
        two = await ask(upstream, "moderations", {"input": ["flowers", "Violence!"]})
        parts = await ask(upstream, "moderations", {"input": [{"type": "text", "text": "x"}]})
        none = await ask(upstream, "moderations", {})
    assert one.json["model"] == "omni-moderation-latest"
    assert [result["flagged"] for result in one.json["results"]] == [False]
    assert [result["flagged"] for result in two.json["results"]] == [False, True]
    assert len(parts.json["results"]) == 1
    assert none.status == 400


async def test_speech_is_bytes_of_the_type_that_was_asked_for(ask: Ask) -> None:
    """The same words from the same provider are the same bytes, also as events."""
    asked = {"model": "tts-1", "input": "hello", "voice": "alloy"}
    async with Upstream() as upstream:
        plain = await ask(upstream, "audio/speech", asked)
        wave = await ask(upstream, "audio/speech", asked | {"response_format": "wav"})
        stream = await ask(upstream, "audio/speech", asked | {"stream_format": "sse"})
        empty = await ask(upstream, "audio/speech", asked | {"input": ""})
    assert plain.headers["content-type"] == "audio/mpeg"
    assert wave.headers["content-type"] == "audio/wav"
    *deltas, done = events_of(stream)
    assert b"".join(base64.b64decode(each["audio"]) for each in deltas) == plain.body == wave.body
    assert done["type"] == "speech.audio.done"
    assert empty.status == 400


@pytest.mark.parametrize("path", ["audio/transcriptions", "audio/translations"])
async def test_a_transcript_tells_of_the_file(ask: Ask, path: str) -> None:
    """In every format, with the provider's name in it."""
    text = "upstream heard 5 bytes of a.mp3"
    heard = {}
    async with Upstream() as upstream:
        for kind in ("json", "verbose_json", "text", "srt", "vtt", "other"):
            body = audio_form(b"\xff\r\n-\n", "whisper-1", response_format=kind)
            heard[kind] = await ask(upstream, path, body, headers=(TYPE,))
    assert heard["json"].json == {"text": text}
    assert heard["verbose_json"].json["segments"][0]["text"] == text
    assert heard["text"].body == f"{text}\n".encode()
    assert heard["srt"].body.startswith(b"1\n00:00:00,000 --> ")
    assert heard["vtt"].body.startswith(b"WEBVTT\n")
    assert heard["other"].status == 400


async def test_a_transcript_can_be_streamed_by_newer_models(ask: Ask) -> None:
    """`whisper-1` ignores the wish, as the API's does."""
    async with Upstream() as upstream:
        new, old = [
            await ask(
                upstream,
                "audio/transcriptions",
                audio_form(b"x", model, stream="true"),
                headers=(TYPE,),
            )
            for model in ("gpt-4o-transcribe", "whisper-1")
        ]
        assert upstream.requests[0].stream
    *deltas, done = events_of(new)
    assert "".join(each["delta"] for each in deltas) == done["text"] == old.json["text"]


@pytest.mark.parametrize("path", ["audio/transcriptions", "images/variations"])
async def test_a_form_without_its_file_is_refused(ask: Ask, path: str) -> None:
    """As is a body that is no form at all."""
    async with Upstream() as upstream:
        empty = await ask(upstream, path, form(part("model", b"m")), headers=(TYPE,))
        wrong = await ask(upstream, path, {"model": "m"})
    assert empty.status == wrong.status == 400


async def test_images_are_edited_varied_and_streamed(ask: Ask) -> None:
    """Forms may give numbers; partial pictures come before the whole one."""
    edit = form(IMAGE, part("prompt", b"a cat"), part("n", b"2"), part("model", b"gpt-image-1"))
    asked = {"model": "gpt-image-1", "prompt": "a cat", "stream": True, "partial_images": 2}
    async with Upstream() as upstream:
        edited = await ask(upstream, "images/edits", edit, headers=(TYPE,))
        varied = await ask(upstream, "images/variations", form(IMAGE), headers=(TYPE,))
        stream = await ask(upstream, "images/generations", asked)
        older = await ask(upstream, "images/generations", asked | {"model": "dall-e-3"})
    assert len(edited.json["data"]) == 2
    assert varied.status == 200
    kinds = [event["type"] for event in events_of(stream)]
    assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert older.json["data"]


async def test_a_response_is_whole_or_a_stream_of_its_parts(ask: Ask) -> None:
    """The deltas add up to the text of the whole one."""
    asked = {"model": "m", "input": [{"role": "user", "content": "good morning"}]}
    async with Upstream(name="primary") as upstream:
        whole = await ask(upstream, "responses", asked)
        stream = await ask(upstream, "responses", asked | {"stream": True})
        short = await ask(upstream, "responses", asked | {"max_output_tokens": 1})
        empty = await ask(upstream, "responses", {"model": "m"})
    text = whole.json["output"][0]["content"][0]["text"]
    assert text == "primary answers: good morning"
    events = events_of(stream)
    assert "".join(e["delta"] for e in events if e["type"].endswith("text.delta")) == text
    assert [events[0]["type"], events[-1]["type"]] == ["response.created", "response.completed"]
    assert short.json["status"] == "incomplete"
    assert empty.status == 400


async def test_a_response_can_be_asked_for_at_its_own_provider_only(ask: Ask) -> None:
    """And followed up there; elsewhere it is not found."""
    async with Upstream(name="primary") as primary, Upstream(name="backup") as backup:
        made = (await ask(primary, "responses", {"model": "m", "input": "hi"})).json["id"]
        follow = {"model": "m", "input": "hi", "previous_response_id": made}
        assert (await ask(primary, f"responses/{made}", method="GET")).status == 200
        assert (await ask(primary, f"responses/{made}", method="DELETE")).json["deleted"]
        cancelled = await ask(primary, f"responses/{made}/cancel")
        assert cancelled.json["status"] == "cancelled"
        assert (await ask(primary, "responses", follow)).status == 200
        assert (await ask(backup, "responses", follow)).status == 404
        assert (await ask(backup, f"responses/{made}", method="GET")).status == 404


async def test_a_file_is_known_by_its_id(ask: Ask) -> None:
    """At the provider that made it; its content is as long as what was sent."""
    async with Upstream(name="primary") as primary, Upstream(name="backup") as backup:
        upload = form(part("purpose", b"x"), part("file", b"12345", "a.bin"))
        made = await ask(primary, "files", upload, headers=(TYPE,))
        name = made.json["id"]
        assert made.json["bytes"] == 5
        content = await ask(primary, f"files/{name}/content", method="GET")
        assert content.body == b"x" * 5
        assert (await ask(primary, f"files/{name}", method="DELETE")).json["deleted"]
        assert (await ask(backup, f"files/{name}", method="GET")).status == 404
        assert (await ask(primary, "files", b"{}")).status == 400


@pytest.mark.parametrize(
    ("fault", "path"),
    [
        ("cut_stream=2,path=responses", "responses"),
        ("no_finish", "responses"),
        ("error_event=1,event", "responses"),
        ("status=503,path=audio/*", "audio/speech"),
        ("rate_limit,model=tts-*", "audio/speech"),
    ],
)
async def test_faults_work_on_these_endpoints_too(ask: Ask, fault: str, path: str) -> None:
    """Those of streams on their events, others by path and model, in forms as well."""
    stream = {"model": "tts-1", "input": "hi", "stream": True, "voice": "alloy"}
    async with Upstream(faults=[fault]) as upstream:
        heard = await ask(upstream, path, stream)
        spoken = await ask(
            upstream, "audio/transcriptions", audio_form(b"x", "tts-1"), headers=(TYPE,)
        )
    if path == "responses":
        assert b"response.completed" not in heard.sent_body
        assert spoken.status == 200
    else:
        assert heard.status == spoken.status == (503 if "503" in fault else 429)
