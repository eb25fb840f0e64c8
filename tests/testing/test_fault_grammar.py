"""How faults are written, and what is said of those that are written wrongly."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.errors import ConfigurationError
from elizanet.testing import Fault, Upstream
from elizanet.testing.content_encoding import encoder
from elizanet.testing.fault_catalogue import KINDS
from elizanet.testing.fault_grammar import split_spec
from elizanet.testing.fault_help import fault_list

if TYPE_CHECKING:
    from testing.conftest import Ask


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("hang", [("hang", None)]),
        ("status=503", [("status", "503")]),
        ("cut=, how = reset", [("cut", ""), ("how", " reset")]),
        ("a,b,c=d", [("a", None), ("b", None), ("c", "d")]),
        ("a=1=2,b", [("a", "1=2"), ("b", None)]),
        ("a='x, y',b", [("a", "x, y"), ("b", None)]),
        ('a="it\'s, so",b=2', [("a", "it's, so"), ("b", "2")]),
        ("a=it's,b=isn't", [("a", "it's"), ("b", "isn't")]),
        ('a={"b": [1, 2], "c": "}, "},d', [("a", '{"b": [1, 2], "c": "}, "}'), ("d", None)]),
        (r'a={"b": "\", {"},d', [("a", r'{"b": "\", {"}'), ("d", None)]),
        (r'a=["\\", 1],d', [("a", r'["\\", 1]'), ("d", None)]),
        ("a=[1, 2],b", [("a", "[1, 2]"), ("b", None)]),
        ("", [("", None)]),
        ("a,", [("a", None), ("", None)]),
    ],
)
def test_a_spec_is_cut_at_commas_that_are_not_inside_a_value(
    spec: str, parts: list[tuple[str, str | None]]
) -> None:
    """Quotes and brackets at the beginning of a value hold it together."""
    assert split_spec(spec) == parts


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("ratelimit", "there is no fault 'ratelimit' (did you mean 'rate_limit'?); faults are"),
        ("", "there is no fault ''; faults are"),
        ("stattus=503", "did you mean 'status'?"),
        ("hang,tims=3", "there is no option 'tims' (did you mean 'times'?); options are after"),
        ("hang,", "there is no option ''"),
        ("hang=3", "hang takes no argument"),
        ("refuse,times=2", "refuse takes no options"),
        ("status=abc", "status is 'abc', but it takes a whole number from 200 to 599"),
        ("status=99", "a whole number from 200 to 599"),
        ("status=\u0665\u0660\u0660", "a whole number from 200 to 599"),
        ("cut=-1", "a whole number of at least 0"),
        ("split=0", "a whole number of at least 1"),
        ("slow=fast", "slow is 'fast', but it takes a number of seconds"),
        ("slow=inf", "a number of seconds"),
        ("slow=nan", "a number of seconds"),
        ("hang,rate=1.5", "a number from 0 to 1"),
        ("hang,stream=maybe", "yes or no"),
        ("hang,times", "times needs a value, a whole number"),
        ("cut_stream,how=explode", "one of close, reset, clean"),
        ("error200=nothing", "one of rate_limit, quota"),
        ("status=400,body='open", "a ' is not closed"),
        ("status=400,body={[}", "a { is not closed"),
        ("status=400,body=@/no/such/file", "a text, or @ and a file"),
        ("status=429,retry-after=date+soon", "one line of text, or date+SECONDS"),
        ("status=429,retry-after='1\r\nx: y'", "one line of text"),
        ("status=429,header=nothing", "one line 'name: value'"),
    ],
)
def test_a_wrong_fault_is_told_in_one_sentence(spec: str, told: str) -> None:
    """The sentence names the fault, what is wrong and what is allowed."""
    with pytest.raises(ConfigurationError) as caught:
        Fault.parse(spec)
    [problem] = caught.value.problems
    assert problem.startswith(f"The fault {spec!r} ")
    assert told in problem
    assert "\n" not in problem
    assert problem.endswith(".")


@given(st.text() | st.from_regex(r"(status|cut|hang|refuse|rate_limit)[=,'\"{}\[\]a-z0-9-]*"))
def test_any_text_is_a_fault_or_a_sentence(spec: str) -> None:
    """Whatever is written, parsing ends in a fault or a ConfigurationError."""
    with suppress(ConfigurationError):
        assert Fault.parse(spec).kind.name in KINDS


@pytest.mark.parametrize("name", [name for name in KINDS if name not in {"br", "zstd"}])
def test_every_fault_can_be_written_by_its_name_alone(name: str) -> None:
    """All arguments have defaults; hyphens are as good as underscores."""
    assert Fault.parse(name).kind is Fault.parse(name.replace("_", "-")).kind is KINDS[name]
    assert str(Fault.parse(name)) == name
    assert repr(Fault.parse(name)) == f"<Fault {name}>"


def test_every_fault_is_in_the_list_for_people() -> None:
    """The list names each fault and each option."""
    listed = fault_list()
    for kind in KINDS.values():
        assert f"  {kind.name}" in listed
        for option in kind.options:
            assert f",{option.name}" in listed
    assert ",times=" in listed


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_a_coding_without_a_module_is_told_when_the_fault_is_read(
    coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the modules that would do."""

    def nothing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", nothing)
    with pytest.raises(ConfigurationError, match=f"the coding {coding} needs one of the modules"):
        Fault.parse(coding)


ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"


def brotli_decoder() -> Callable[[bytes], bytes]:
    return import_module("brotli").Decompressor().process  # type: ignore[no-any-return]


def zstd_decoder() -> Callable[[bytes], bytes]:
    return import_module(ZSTD).ZstdDecompressor().decompress  # type: ignore[no-any-return]


@pytest.mark.parametrize(("coding", "decoder"), [("br", brotli_decoder), ("zstd", zstd_decoder)])
def test_a_coding_with_a_module_can_be_decoded_piece_by_piece(
    coding: str, decoder: Callable[[], Callable[[bytes], bytes]]
) -> None:
    """Each piece is readable as soon as it is encoded."""
    decompress = decoder()
    made = encoder(coding)
    assert decompress(made.encode(b"first")) == b"first"
    assert decompress(made.encode(b"second")) == b"second"
    assert decompress(made.finish()) == b""


@pytest.mark.parametrize(("coding", "module"), [("br", "brotli"), ("zstd", ZSTD)])
async def test_an_answer_can_have_the_newer_codings(ask: Ask, coding: str, module: str) -> None:
    """The whole body decodes to the good answer."""
    decompress = import_module(module).decompress
    async with Upstream(name="p", faults=[coding]) as upstream:
        heard = await ask(upstream)
    assert heard.headers["content-encoding"] == coding
    assert b"p answers: Why" in decompress(heard.body)
