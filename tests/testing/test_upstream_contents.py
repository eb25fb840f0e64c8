"""Faults of content: well-formed HTTP with the wrong thing in it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import json_repair
import jsonschema_rs
import pytest

from elizanet.testing import Upstream

if TYPE_CHECKING:
    from pathlib import Path

    from testing.conftest import Ask

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("rate_limit", 429, "rate_limit_exceeded"),
        ("quota", 429, "insufficient_quota"),
        ("overloaded", 503, None),
        ("auth", 401, "invalid_api_key"),
        ("bad_request", 400, "decimal_above_max_value"),
        ("content_policy", 400, "content_filter"),
        ("context", 400, "context_length_exceeded"),
        ("model_not_found", 404, "model_not_found"),
        ("status=500", 500, None),
        ("status=529", 529, None),
        ("status=418", 418, None),
        ("status=599", 599, None),
        ("status=429", 429, "rate_limit_exceeded"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_has_its_status_and_code(
    ask: Ask,
    name: str,
    status: int,
    code: str | None,
    stream: bool,
) -> None:
    """Each error answers streams and other requests with the same JSON error."""
    async with Upstream(faults=[name]) as upstream:
        heard = await ask(upstream, stream=stream)
    assert heard.status == status
    assert heard.headers["content-type"] == "application/json"
    assert heard.error["code"] == code
    assert heard.error["message"]


async def test_an_error_can_be_worded(ask: Ask) -> None:
    """Message, code and headers of an error are options."""
    spec = "status=429,code=slow,message='Slow down, please',retry-after=2.5,retry-after-ms=2500"
    async with Upstream(faults=[f"{spec},header='x-should-retry: false'"]) as upstream:
        heard = await ask(upstream)
    assert heard.error == {
        "message": "Slow down, please", "type": "requests", "param": None, "code": "slow",
    }  # fmt: skip
    assert heard.headers["retry-after"] == "2.5"
    assert heard.headers["retry-after-ms"] == "2500"
    assert heard.headers["x-should-retry"] == "false"


async def test_a_delay_can_be_a_date(ask: Ask) -> None:
    """`date+30` is an HTTP date thirty seconds ahead."""
    async with Upstream(faults=["rate_limit,retry-after=date+30"]) as upstream:
        heard = await ask(upstream)
    ahead = parsedate_to_datetime(heard.headers["retry-after"]) - datetime.now(UTC)
    assert 27 <= ahead.total_seconds() <= 30


async def test_an_error_body_can_be_given_or_read_from_a_file(ask: Ask, tmp_path: Path) -> None:
    """A literal, a file, or an HTML page takes the place of the JSON."""
    (tmp_path / "body.txt").write_text("from, a file", encoding="utf-8")
    bodies = []
    async with Upstream() as upstream:
        for option in ('body={"detail":"no, never"}', f"body=@{tmp_path}/body.txt", "html"):
            upstream.fail(f"status=502,{option}")
            bodies.append(await ask(upstream))
    assert bodies[0].json == {"detail": "no, never"}
    assert bodies[1].body == b"from, a file"
    assert b"<html>" in bodies[2].body
    assert bodies[2].headers["content-type"].startswith("text/html")


async def test_a_status_that_has_no_body_has_none(ask: Ask) -> None:
    """204 and 304 end with their head."""
    async with Upstream(faults=["status=204"]) as upstream:
        heard = await ask(upstream)
    assert heard.status == 204
    assert heard.sent_body == b""
    assert "content-length" not in heard.headers


@pytest.mark.parametrize("stream", [False, True])
async def test_a_login_page_is_html(ask: Ask, stream: bool) -> None:
    """`html200` is a success status around a web page."""
    async with Upstream(faults=["html200"]) as upstream:
        heard = await ask(upstream, stream=stream)
    assert heard.status == 200
    assert heard.body.startswith(b"<!DOCTYPE html>")


async def test_an_empty_answer_is_empty(ask: Ask) -> None:
    """`empty200` promises JSON and no bytes."""
    async with Upstream(faults=["empty200"]) as upstream:
        heard = await ask(upstream)
    assert (heard.status, heard.body) == (200, b"")


@pytest.mark.parametrize("stream", [False, True])
async def test_half_of_the_json_is_framed_as_if_it_were_whole(ask: Ask, stream: bool) -> None:
    """`not_json200` is complete HTTP around incomplete JSON."""
    async with Upstream(faults=["not_json200"]) as upstream:
        heard = await ask(upstream, stream=stream)
    assert heard.status == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(heard.data[0] if stream else heard.body)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_in_a_200_names_itself(ask: Ask, stream: bool) -> None:
    """`error200` is an error object with a success status."""
    async with Upstream(faults=["error200=quota"]) as upstream:
        heard = await ask(upstream, stream=stream)
    assert heard.status == 200
    assert heard.error["code"] == "insufficient_quota"


@pytest.mark.parametrize(
    ("endpoint", "payload", "name"),
    [
        ("chat/completions", None, "choices"),
        ("completions", {"model": "m", "prompt": "Hi"}, "choices"),
        ("embeddings", {"model": "m", "input": "Hi"}, "data"),
        ("images/generations", {"model": "m", "prompt": "Hi"}, "data"),
    ],
)
async def test_the_list_of_answers_can_be_empty(
    ask: Ask, endpoint: str, payload: object, name: str
) -> None:
    """`no_choices` empties `choices` or `data`."""
    async with Upstream(faults=["no_choices"]) as upstream:
        heard = await ask(upstream, endpoint, payload)
    assert heard.json[name] == []


async def test_a_stream_can_be_without_choices(ask: Ask) -> None:
    """`no_choices` leaves the events of a stream and empties them."""
    async with Upstream(faults=["no_choices"]) as upstream:
        heard = await ask(upstream, stream=True)
    assert all(chunk["choices"] == [] for chunk in heard.chunks)
    assert heard.data[-1] == "[DONE]"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_text_can_be_empty(ask: Ask, stream: bool) -> None:
    """`empty_content` is complete and says nothing."""
    async with Upstream(faults=["empty_content"]) as upstream:
        chat = await ask(upstream, stream=stream)
        payload = {"model": "m", "prompt": "Hi", "stream": stream}
        completion = await ask(upstream, "completions", payload)
    assert chat.text == completion.text == ""
    last = chat.chunks[-1] if stream else chat.json
    assert last["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(("spec", "length"), [("wrong_dimensions", 7), ("wrong_dimensions=20", 20)])
@pytest.mark.parametrize("packed", [False, True])
async def test_vectors_can_have_the_wrong_length(
    ask: Ask,
    spec: str,
    length: int,
    packed: bool,
) -> None:
    """`wrong_dimensions` changes the length of numbers and of base64."""
    payload = {"model": "e", "input": "one", "dimensions": 8}
    encoding = {"encoding_format": "base64"} if packed else {}
    async with Upstream(faults=[spec]) as upstream:
        heard = await ask(upstream, "embeddings", {**payload, **encoding})
    vector = heard.json["data"][0]["embedding"]
    assert (len(base64.b64decode(vector)) // 4 if packed else len(vector)) == length


async def test_an_object_can_miss_its_schema(ask: Ask) -> None:
    """`bad_json_object` is JSON and not what was asked for."""
    async with Upstream(faults=["bad_json_object"]) as upstream:
        heard = await ask(upstream, response_format=FORMAT)
        free = await ask(upstream, response_format={"type": "json_object"})
        plain = await ask(upstream)
    assert not jsonschema_rs.is_valid(SCHEMA, json.loads(heard.text))
    assert not isinstance(json.loads(free.text), dict)
    assert plain.text.startswith("upstream answers")


@pytest.mark.parametrize("how", ["nearly", "nearly=quotes", "nearly=comma", "nearly=fenced"])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_object_can_be_nearly_json(ask: Ask, how: str, stream: bool) -> None:
    """What is nearly JSON cannot be parsed and can be repaired."""
    async with Upstream(faults=[f"bad_json_object,{how}"]) as upstream:
        heard = await ask(upstream, response_format=FORMAT, stream=stream)
    with pytest.raises(ValueError, match=r"Expecting|Illegal"):
        json.loads(heard.text)
    jsonschema_rs.validate(SCHEMA, json_repair.loads(heard.text))


async def test_a_stream_can_lack_its_ends(ask: Ask) -> None:
    """`no_done` keeps the finish reason, no_finish keeps [DONE]."""
    async with Upstream(faults=["no_done"]) as upstream:
        no_done = await ask(upstream, stream=True)
        upstream.fail("no_finish")
        no_finish = await ask(upstream, stream=True)
    assert no_done.chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert "[DONE]" not in no_done.data
    assert not any(chunk["choices"][0]["finish_reason"] for chunk in no_finish.chunks)
    assert no_finish.data[-1] == "[DONE]"
    assert no_done.text == no_finish.text != ""


@pytest.mark.parametrize("content_events", [0, 2, 99])
async def test_an_error_event_takes_the_place_of_the_rest(ask: Ask, content_events: int) -> None:
    """`error_event` comes after so many content events, and nothing after it."""
    async with Upstream(faults=[f"error_event={content_events},error=rate_limit"]) as upstream:
        heard = await ask(upstream, stream=True)
    contents = [c for c in heard.chunks if "choices" in c and c["choices"][0]["delta"]["content"]]
    assert len(contents) == min(content_events, 7)
    assert heard.chunks[-1]["error"]["code"] == "rate_limit_exceeded"
    assert "[DONE]" not in heard.data
    assert heard.end == "closed"


async def test_an_error_event_can_be_named(ask: Ask) -> None:
    """Some providers write a line `event: error`."""
    async with Upstream(faults=["error_event,event"]) as upstream:
        heard = await ask(upstream, stream=True)
    assert b"event: error\ndata: {" in heard.body


async def test_an_event_can_be_huge(ask: Ask) -> None:
    """`big_event` is one content event of that many characters, and a good end."""
    async with Upstream(faults=["big_event=3000000"]) as upstream:
        heard = await ask(upstream, stream=True)
    assert heard.text == "x" * 3_000_000
    assert max(map(len, heard.data)) > 3_000_000
    assert heard.data[-1] == "[DONE]"


async def test_headers_can_be_megabytes(ask: Ask) -> None:
    """`huge_headers` is a good answer behind a head of that size."""
    async with Upstream(faults=["huge_headers=3000000"]) as upstream:
        heard = await ask(upstream)
    assert len(heard.head) >= 3_000_000
    assert heard.text.startswith("upstream answers")


@pytest.mark.parametrize(
    "fault",
    [
        "cut_stream",
        "stall_stream",
        "error_event",
        "keepalives",
        "no_done",
        "no_finish",
        "big_event",
        "wrong_dimensions",
        "bad_json_object",
    ],
)
async def test_a_fault_lets_requests_pass_that_it_makes_no_sense_for(ask: Ask, fault: str) -> None:
    """A fault of streams, vectors or objects leaves a plain chat alone, and does not count it."""
    async with Upstream(faults=[f"{fault},times=1", "status=500,after=1"]) as upstream:
        first = await ask(upstream)
        second = await ask(upstream)
    assert (first.status, second.status) == (200, 500)
