"""Bodies that are read and changed in their bytes: JSON fields, forms, joined streams.

The invariants: a change touches what it is for and not one other byte; a form is read in one
way however it is cut; a joined stream says nothing twice and nothing less than before.
"""

from __future__ import annotations

import json
from contextlib import suppress
from email import message_from_bytes
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from elizanet.call import Call, Event, EventKind
from elizanet.continuation.joint import SeamError
from elizanet.continuation.seam import Seam
from elizanet.continuation.transcript import Transcript
from elizanet.json_fields import JsonField
from elizanet.multipart import FormError, FormScanner, boundary_in
from elizanet.operation import Operation
from support.fuzzing import cut_everywhere, fuzz, growth, mutated, pieces_of

OBJECTS = [
    b'{"model":"gpt-4o","messages":[{"model":"no","content":"\\"model\\":\\"x\\""}],"n":1.50}',
    b'{ "a" : [1, {"model": 2}] , "model" : null ,"b":"}" }',
    b'{"mod\\u0065l":"escaped","x":{}}',
    b'{"model":"one","model":"two"}',
    b"{}",
]
JSON_TOKENS = [
    b'"model"', b'"model":', b":", b",", b"{", b"}", b"[", b"]", b'"', b"\\", b" ", b"null", b"1e400",
    b"\\ud800", b"\xff", b"\xc3\xa9", b"[" * 3000, b"NaN", b"-0.0", b"\t\n",
]  # fmt: skip
BODIES = mutated(OBJECTS, JSON_TOKENS) | st.binary(max_size=40)
FIELD = JsonField("model")


def others(body: bytes) -> list[tuple[str, Any]]:
    """The fields of an object but for `model`, in order, doubled ones too."""

    def pairs(found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        return found

    found = json.loads(body, object_pairs_hook=pairs)
    return [pair for pair in found if pair[0] != "model"]


@example(b'{"model":' + b"[" * 3000)
@given(BODIES)
@fuzz(400)
def test_a_field_is_replaced_and_nothing_else_is(body: bytes) -> None:
    """Read by another parser, too; what is no object is refused with a `ValueError`."""
    with suppress(ValueError):
        had = FIELD.raw(body)
        changed = FIELD.put(body, b'"new"')
        assert FIELD.value(changed) == "new"
        assert others(changed) == others(body)
        if had is not None:
            assert FIELD.replaced(changed, had) is not None
    with suppress(ValueError):
        removed = FIELD.removed(body)
        assert FIELD.raw(removed) is None
        assert others(removed) == others(body)


@given(BODIES)
@fuzz(200)
def test_what_a_field_is_found_to_be_is_what_json_says(body: bytes) -> None:
    """The last of several counts, as it does for providers."""
    with suppress(ValueError):
        found = FIELD.value(body)
        assert json.dumps(found) == json.dumps(json.loads(body).get("model"))


@pytest.mark.parametrize("unit", [b'"model":1,', b"[", b'{"model":', b'"\\"', b'"model', b" "])
def test_no_pattern_makes_the_search_for_a_field_slow(unit: bytes) -> None:
    """The time grows with the size of the body."""

    def search(size: int) -> None:
        for method in (FIELD.removed, lambda body: FIELD.put(body, b"1")):
            with suppress(ValueError, RecursionError):
                method(b'{"a":"' + unit * size + b'","model":2}')

    assert growth(search, 2000) < 10


CONTENT_TYPE = "multipart/form-data; boundary=XyZ"
FORMS = [
    b'--XyZ\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--XyZ\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n'
    b"Content-Type: audio/mpeg\r\n\r\n\x00\xff--XyZ not a boundary\r\n\r\n--XyZ--\r\n",
    b'preamble\r\n--XyZ\r\ncontent-disposition: form-data; name="stream"\r\n\r\ntrue\r\n--XyZ--',
]
FORM_TOKENS = [
    b"--XyZ", b"\r\n--XyZ\r\n", b"\n--XyZ\n", b"\r--XyZ\r", b"\r", b"\n", b"--XyZ--", b'name="model"', b'; name="model"', b"\r\n\r\n",
    b"; filename=x", b"name*=utf-8''model", b"content-transfer-encoding: base64\r\n", b"\xff", b" ", b"\t",
]  # fmt: skip


def scanned(pieces: list[bytes]) -> dict[str, tuple[str, int, int]] | None:
    """What the scanner finds, or None for a form that it refuses."""
    scanner = FormScanner(boundary_in(CONTENT_TYPE), {"model", "stream"})
    try:
        for piece in pieces:
            scanner.feed(piece)
        scanner.finish()
    except FormError:
        return None
    return {name: (f.value, f.start, f.end) for name, f in scanner.fields.items()}


def by_another_parser(body: bytes) -> dict[str, str]:
    """The text of the fields as the standard library's parser reads them."""
    head = f"content-type: {CONTENT_TYPE}\r\n\r\n".encode()
    found = {}
    for part in message_from_bytes(head + body).walk():
        name = part.get_param("name", header="content-disposition")
        if name in {"model", "stream"} and not part.is_multipart():
            value = part.get_payload(decode=True)
            assert isinstance(value, bytes)
            found[str(name)] = value.decode("utf-8", "replace")
    return found


@example([b'\r--XyZ\r\ncontent-disposition: form-data; name="stream"\r\n\r\ntrue\r\n--XyZ--'])
@example([b"--XyZ\r", b'\r\ncontent-disposition: form-data; name="stream"\r\n\r\ntrue\r\n--XyZ--'])
@given(pieces_of(mutated(FORMS, FORM_TOKENS)))
@fuzz(300)
def test_a_form_is_read_in_one_way(pieces: list[bytes]) -> None:
    """However it is cut; and what is accepted is what another parser reads."""
    body = b"".join(pieces)
    found = scanned(pieces)
    assert found == scanned([body])
    if found is not None:
        for value, start, end in found.values():
            assert body[start:end].decode() == value
        assert {name: value for name, (value, _, _) in found.items()} == by_another_parser(body)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_may_be_cut_at_every_position(form: bytes) -> None:
    """Two pieces, and the cut between any two bytes."""
    for pieces in cut_everywhere(form):
        assert scanned(pieces) == scanned([form]) != {}


def _event(**choice: Any) -> Event:
    data = json.dumps({"id": "x", "choices": [{"index": 0, **choice}]}).encode()
    return Event(b"data: %b\n\n" % data, data, EventKind.CONTENT)


def _call() -> Call:
    body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}'
    return Call("req", Operation.CHAT, "m", body, 0.0, stream=True)


TEXTS = st.text(st.sampled_from("ab \n\u00e9\U0001f600"), max_size=30)


@given(TEXTS, TEXTS, st.data(), st.booleans())
@fuzz(400)
def test_a_joined_stream_says_everything_once(
    said: str, rest: str, data: st.DataObject, restarted: bool
) -> None:
    """A second stream that repeats all, or goes on: the caller has the text once, or an error."""
    transcript = Transcript(_call())
    for piece in _pieces(data, said):
        transcript.take(_event(delta={"content": piece}))
    if not transcript.continuable:
        return
    seam = Seam(transcript, restarted=restarted)
    heard = said
    with suppress(SeamError):
        for piece in _pieces(data, said + rest if restarted else rest):
            heard += _text(seam.take(_event(delta={"content": piece})))
        heard += _text(seam.take(_event(delta={}, finish_reason="stop")))
        if restarted:
            assert heard == said + rest
        assert heard.startswith(said)
        assert len(heard) <= len(said) + len(rest)


@example([b"\x00", b'{"\x80id": "x", "choices": [{"index": 0, "delta": {"content": "ab"}}]}'])
@example([b'{"id": "\x80x", "choices": [{"index": 0, "delta": {"content": "ab"}}]}'])
@given(
    st.lists(st.binary(max_size=40) | mutated([_event(delta={"content": "ab"}).data], JSON_TOKENS))
)
@fuzz(300)
def test_any_event_of_a_second_stream_is_taken_or_does_not_fit(events: list[bytes]) -> None:
    """Nothing but a `SeamError`; a transcript takes anything at all."""
    transcript = Transcript(_call())
    transcript.take(_event(delta={"content": "ab"}))
    seam = Seam(transcript, restarted=False)
    with suppress(SeamError):
        for data in events:
            Transcript(_call()).take(Event(b"data: %b\n\n" % data, data, EventKind.CONTENT))
            seam.take(Event(b"data: %b\n\n" % data, data, EventKind.CONTENT))
        seam.finish()


def _pieces(data: st.DataObject, text: str) -> list[str]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _text(events: list[Event]) -> str:
    choices = [choice for event in events for choice in json.loads(event.data)["choices"]]
    return "".join((choice.get("delta") or {}).get("content") or "" for choice in choices)
