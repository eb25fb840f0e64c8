"""Forms: the wanted fields are found in any split, and what is ambiguous is refused."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.multipart import (
    MAX_FIELD_BYTES,
    MAX_PART_HEAD_BYTES,
    MAX_PARTS,
    FormError,
    FormScanner,
    boundary_in,
)
from support.forms import BOUNDARY, form, part

B = BOUNDARY.encode()
MODEL = part("model", b"whisper-1")
FILE = part("file", b"\r\n--x\r\n\xff\x00--" + B + b"-not\r\n\n--", "a.mp3")


def scanned(body: bytes, step: int = 1 << 20) -> FormScanner:
    """Feed a body in pieces of `step` bytes."""
    scanner = FormScanner(B, {"model", "stream"})
    for start in range(0, len(body), step):
        scanner.feed(body[start : start + step])
    scanner.finish()
    return scanner


def refusal(body: bytes, step: int = 1 << 20) -> str:
    """Return why a body is refused."""
    with pytest.raises(FormError) as caught:
        scanned(body, step)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("step", [1, 2, 7, 1 << 20])
def test_a_field_is_found_with_its_place_in_any_split(step: int) -> None:
    """Between files, with text that looks like a boundary, and with an empty field beside it."""
    body = form(FILE, part("stream", b""), MODEL, part("prompt", b"model"))
    scanner = scanned(body, step)
    model = scanner.fields["model"]
    assert model.value == "whisper-1"
    assert body[model.start : model.end] == b"whisper-1"
    assert scanner.fields["stream"].value == ""
    assert set(scanner.fields) == {"model", "stream"}
    assert repr(scanner) == "<FormScanner parts=4 fields=['model', 'stream']>"


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_file_is_skipped_unread(content: bytes, step: int) -> None:
    """Unless it holds the boundary at the begin of a line, which no client lets happen."""
    body = form(part("file", content, "a"), MODEL)
    assert scanned(body, step).fields["model"].value == "whisper-1"


@given(st.binary(max_size=200), st.integers(1, 20))
def test_arbitrary_bytes_are_a_form_or_refused(content: bytes, step: int) -> None:
    """Nothing but a `FormError` is raised, whatever follows the first boundary."""
    for body in (content, b"--" + B + content, b"--" + B + b"\r\n" + content):
        scanner = FormScanner(B, {"model"})
        try:
            for start in range(0, len(body), step):
                scanner.feed(body[start : start + step])
            scanner.finish()
        except FormError:
            continue


def test_a_preamble_and_padding_are_allowed() -> None:
    """RFC 2046 lets a form begin with a line end, and white space follow a boundary."""
    body = b"preamble\r\n" + form(MODEL).replace(B + b"\r\n", B + b" \t\r\n", 1)
    scanner = scanned(body, 3)
    assert scanner.fields["model"].value == "whisper-1"
    assert body[scanner.begins_at :].startswith(b"--" + B)


AMBIGUOUS = {
    "two models": form(MODEL, part("model", b"gpt-4o")),
    "a bare line feed before the boundary": form(
        part("file", b"x\n--" + B + b'\r\ncontent-disposition: form-data; name="model"\r\n\r\nm'),
        MODEL,
    ),
    "a bare line feed before a part that nobody wants": form(
        part("file", b"x\n--" + B + b'\r\ncontent-disposition: form-data; name="y"\r\n\r\nm'),
        MODEL,
    ),
    "a longer boundary": form(part("file", b"x\r\n--" + B + b"x\r\n"), MODEL),
    "a boundary right after the head": form(
        b"--" + B + b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n', MODEL
    ),
    "no end": form(MODEL)[: -len(B) - 6],
    "something after the end": form(MODEL) + MODEL,
    "a folded header": form(
        b"--" + B + b'\r\nContent-Disposition: form-data;\r\n name="model"\r\n\r\nm\r\n'
    ),
    "a line feed inside the head": form(
        b"--" + B + b'\r\nX: y\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
    ),
    "a space before the colon": form(
        b"--" + B + b'\r\nContent-Disposition : form-data; name="model"\r\n\r\nm\r\n'
    ),
    "two dispositions": form(part("model", b"m", None, 'Content-Disposition: form-data; name="x"')),
    "two names": form(part('x"; name="model', b"m")),
    "an extended name": form(part("x\"; name*=utf-8''model; y=\"", b"m")),
    "a backslash before a quote": form(part('x\\"; name=\\"model', b"m")),
    "no name": form(b"--" + B + b"\r\nContent-Disposition: form-data\r\n\r\nm\r\n"),
    "no disposition": form(b"--" + B + b"\r\nX: y\r\n\r\nm\r\n"),
    "an attachment": form(b"--" + B + b'\r\nContent-Disposition: file; name="model"\r\n\r\nm\r\n'),
    "no head": form(b"--" + B + b"\r\n\r\nm\r\n"),
    "a model that is a file": form(part("model", b"m", "model")),
    "a model in base64": form(part("model", b"bQ==", None, "Content-Transfer-Encoding: base64")),
    "a model that is not UTF-8": form(part("model", b"\xff")),
    "a model without end": form(part("model", b"m" * (MAX_FIELD_BYTES + 1))),
    "a head without end": form(part("model", b"m", None, "X: " + "y" * MAX_PART_HEAD_BYTES)),
    "too many parts": form(*[part("x", b"")] * MAX_PARTS, MODEL),
    "a boundary line without end": b"--" + B + b" " * 100,
    "no form": b'{"model":"whisper-1"}',
    "nothing": b"",
}


@pytest.mark.parametrize("body", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_what_could_be_read_in_two_ways_is_refused(body: bytes, step: int) -> None:
    """In any split, with one sentence."""
    assert refusal(body, step)


def test_a_field_that_nobody_wants_may_be_anything() -> None:
    """Other fields may come twice, be files, be long, or have names in other scripts."""
    parts = [part("image[]", b"x", "a.png")] * 2
    parts += [part("größe", b"x" * 2 * MAX_FIELD_BYTES), part("tag", b"a"), part("tag", b"b")]
    unquoted = b"--" + B + b"\r\ncontent-disposition: form-data; name=prompt;\r\n\r\nhi\r\n"
    assert scanned(form(*parts, unquoted, MODEL)).fields["model"].value == "whisper-1"


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('multipart/form-data; charset=utf-8; BOUNDARY="a b:c"', b"a b:c"),
        ("multipart/form-data;boundary=----WebKitFormBoundaryX", b"----WebKitFormBoundaryX"),
    ],
)
def test_the_boundary_is_that_of_the_content_type(content_type: str, boundary: bytes) -> None:
    """Quoted or not, in any case, beside other parameters."""
    assert boundary_in(content_type) == boundary


@pytest.mark.parametrize(
    "parameters",
    ["", "; boundary=", '; boundary=""', "; boundary=a; boundary=b", f"; boundary={'x' * 71}",
     '; boundary="a "', "; boundary=a{b", "; boundary=é", '; boundary="a'],
)  # fmt: skip
def test_a_form_without_a_usable_boundary_is_refused(parameters: str) -> None:
    """None, an empty one, two, one too long, or with characters that cannot be in one."""
    with pytest.raises(FormError, match="boundary"):
        boundary_in(f"multipart/form-data{parameters}")


@pytest.mark.parametrize(
    "filling",
    [b"--" + B, b"\r\n--" + B[:-1], b"\n-", b"\r", b"\r\n--" + B + b"\r", b"x", b"\r\n\r\n"],
    ids=["boundaries", "near boundaries", "lines", "returns", "cut", "plain", "blank lines"],
)
def test_time_is_linear_in_the_size(filling: bytes) -> None:
    """Sixteen megabytes of what is nearly a boundary cost milliseconds, not minutes."""
    content = filling * ((16 << 20) // len(filling))
    body = form(part("file", content, "a"), MODEL)
    scanner = FormScanner(B, {"model"})
    began = time.perf_counter()
    try:
        for start in range(0, len(body), 1 << 16):
            scanner.feed(body[start : start + (1 << 16)])
    except FormError:
        pass
    assert time.perf_counter() - began < 1.0
