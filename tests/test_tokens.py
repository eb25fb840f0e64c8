"""The local tokenizer: exact, offline, lazy, linear, and calm about anything it is given."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import threading
import time
from array import array
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet import tokens
from elizanet.errors import InputError
from elizanet.tokens.long_s import parts_between_long_s

MODELS = {"o200k_base": "gpt-4o", "cl100k_base": "gpt-4"}
GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "tokens.json").read_text())
BY_ENCODING = pytest.mark.parametrize(("encoding", "model"), MODELS.items())

# what tiktoken's own source demands of the vocabulary files it downloads
PUBLISHED_SHA256 = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
SPECIAL_TOKENS = ("<|endoftext|>", "<|endofprompt|>", "<|fim_prefix|>", "<|im_start|>")
HOSTILE = {
    "one letter": "a",
    "spaces": " ",
    "newlines": "\n",
    "tabs and spaces": "\t ",
    "one emoji": "😀",
    "combining marks": "\u0301",
    "mixed scripts": "aбc日ا",
    "contractions": "'s",
    "long s contractions": "a'\u017f'",
    "dashes": "-",
    "special tokens": "<|endoftext|>",
    "lone surrogates": "\ud800",
}


def library(encoding: str) -> Any:
    return import_module("toktok")._encoding(encoding)


def vocabulary(encoding: str) -> list[bytes]:
    return cast(list[bytes], library(encoding).token_byte_values())


def seconds(text: str) -> float:
    """Return the best of three, for this machine is shared."""
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        tokens.encode(text)
        best = min(best, time.perf_counter() - started)
    return best


@BY_ENCODING
def test_the_vocabulary_is_the_one_openai_published(encoding: str, model: str) -> None:
    """Written as tiktoken's file, the library's vocabulary has the published SHA-256."""
    lines = (
        base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(vocabulary(encoding))
    )
    assert hashlib.sha256(b"".join(lines)).hexdigest() == PUBLISHED_SHA256[encoding]


@BY_ENCODING
def test_texts_become_the_tokens_of_tiktoken_and_come_back(encoding: str, model: str) -> None:
    """Every golden text is encoded as tiktoken does it; the ids give the text again."""
    vectors: dict[str, str] = GOLDEN[encoding]["vectors"]
    assert len(vectors) > 100
    for text, expected in vectors.items():
        ids = [int(token) for token in expected.split()]
        assert tokens.encode(text, model) == ids
        assert tokens.count(text, model) == len(ids)
        representable = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        assert tokens.decode(ids, model) == representable


@BY_ENCODING
@pytest.mark.parametrize("plane", range(5))
def test_every_character_of_unicode_splits_as_in_tiktoken(
    encoding: str, model: str, plane: int
) -> None:
    """Each character beside letters, digits, spaces and apostrophes: the same digest of ids.

    The characters are those that the golden file names, for tiktoken and the library learn a
    new Unicode version at different times.
    """
    spans = (span.split("-") for span in GOLDEN["planes"][plane].split())
    characters = (chr(c) for begin, end in spans for c in range(int(begin, 16), int(end, 16) + 1))
    text = "\n".join(f"a{c}b {c}{c}1{c}\n {c}'s{c}" for c in characters)
    ids = array("I", tokens.encode(text, model))
    assert hashlib.sha256(ids.tobytes()).hexdigest() == GOLDEN[encoding]["digests"][plane]


def test_a_long_s_ends_a_contraction_as_in_tiktoken() -> None:
    """The case the library alone gets wrong, among words, marks, digits and white space."""
    golden: dict[str, str] = GOLDEN["o200k_base"]["vectors"]
    text = "it'\u017f'Tis a'\u017f'lle 's'\u017f'mx !!\u0301'\u017f'TDl"
    expected = [int(token) for token in golden[text].split()]
    assert library("o200k_base").encode_ordinary(text) != expected
    assert tokens.encode(text) == expected


@pytest.mark.parametrize(
    "before", ["it", "Wa\u017f", "1a", "日", "a'sb", "!\n/'\u0301", "\t'\u0301", "1'\u0301", "'s"]
)
def test_the_text_is_cut_behind_a_contraction_that_ends_in_a_long_s(before: str) -> None:
    """Behind letters and marks, also those that follow another contraction, it cuts."""
    assert list(parts_between_long_s(f"{before}'\u017f'Tis")) == [f"{before}'\u017f", "'Tis"]
    assert tokens.encode(f"{before}'\u017f'Tis")[-2:] == tokens.encode("'Tis")[-2:]


@pytest.mark.parametrize(
    "before",
    [
        "",
        " ",
        "1",
        "a's",
        "a'LL",
        "a're",
        "a'Ve",
        "a'd",
        "a'm",
        "a't",
        "Wa\u017f ",
        "!'\u0301",
        " '\u0301",
        "\x1c'\u0301",
        "\t",
    ],
)
def test_a_long_s_that_starts_a_word_is_not_cut_off(before: str) -> None:
    """Behind white space, digits, signs or a contraction the apostrophe opens a word."""
    assert list(parts_between_long_s(f"{before}'\u017f'Tis")) == [f"{before}'\u017f'Tis"]


def test_no_token_joins_a_long_s_with_anything() -> None:
    """The facts that the cure for the long s rests on."""
    words = [token.decode(errors="replace") for token in vocabulary("o200k_base")]
    assert [word for word in words if "\u017f" in word] == ["\u017f"]
    assert [word for word in words if word[-1] == "'" and word[:-1].isalpha()] == []


@pytest.mark.parametrize("special", SPECIAL_TOKENS)
@BY_ENCODING
def test_special_token_text_in_a_prompt_is_text(encoding: str, model: str, special: str) -> None:
    """A prompt cannot smuggle in a control token, and does not fail for its look."""
    ids = tokens.encode(f"before {special} after", model)
    assert all(token < len(vocabulary(encoding)) for token in ids)
    assert len(tokens.encode(special, model)) == tokens.count(special, model) > 1
    assert tokens.decode(ids, model) == f"before {special} after"


@given(st.text(st.characters(codec=None)), st.sampled_from(list(MODELS.values())))
def test_any_string_is_counted_and_comes_back(text: str, model: str) -> None:
    """Whatever string it is: encode never raises, count agrees, decode returns the text."""
    ids = tokens.encode(text, model)
    assert tokens.count(text, model) == len(ids)
    assert tokens.decode(ids, model) == text.encode("utf-16", "surrogatepass").decode(
        "utf-16", "replace"
    )


def test_lone_surrogates_are_replaced_and_pairs_are_joined() -> None:
    """A lone half counts as U+FFFD; two halves count as their character."""
    assert tokens.encode("a\ud800b\udfff") == tokens.encode("a\ufffdb\ufffd")
    assert tokens.encode("\ud83d\ude00") == tokens.encode("😀")


@BY_ENCODING
def test_decoding_a_part_of_a_character_gives_a_replacement(encoding: str, model: str) -> None:
    """Ids that end in the middle of a character decode to U+FFFD, not to an error."""
    ids = tokens.encode("\U0001f9ff", model)
    assert len(ids) > 1
    assert "\ufffd" in tokens.decode(ids[:1], model)


@BY_ENCODING
def test_every_id_up_to_the_last_decodes_or_is_refused(encoding: str, model: str) -> None:
    """All ordinary and special ids give their bytes; the gaps between them are refused."""
    ordinary = vocabulary(encoding)
    special = {token: text for text, token in library(encoding).special_tokens()}
    tokens.decode(range(len(ordinary)), model)
    for token in range(len(ordinary), max(special) + 2):
        if token in special:
            assert tokens.decode([token], model) == special[token]
        else:
            with pytest.raises(InputError):
                tokens.decode([token], model)


@pytest.mark.parametrize(
    "wrong", [-1, 300_000, 2**32, 2**70, True, None, 1.0, "1", b"1", [1], 199_998]
)
def test_what_is_not_a_token_id_is_refused_in_one_sentence(wrong: object) -> None:
    """The error names the place, the value and what is allowed."""
    with pytest.raises(InputError) as caught:
        tokens.decode(cast(list[int], [1, wrong]))
    message = str(caught.value)
    assert message.startswith("tokens[1] is ")
    assert "o200k_base: allowed are 0 to 199997 and [199999, 200018]" in message
    assert caught.value.param == "tokens"


def test_arguments_of_a_wrong_type_are_refused_in_one_sentence() -> None:
    """Text, model and token list are checked; the sentence says what came instead."""
    with pytest.raises(InputError, match=r"^text must be a string, not NoneType$"):
        tokens.encode(cast(str, None))
    with pytest.raises(InputError, match=r"^text must be a string, not bytes$"):
        tokens.count(cast(str, b"bytes"))
    with pytest.raises(InputError, match=r"^model must be a string, not int$"):
        tokens.encode("text", cast(str, 4))
    with pytest.raises(InputError, match=r"^tokens must be a list of token ids, not int$"):
        tokens.decode(cast(list[int], 5))


@pytest.mark.parametrize("pattern", HOSTILE.values(), ids=HOSTILE)
def test_a_million_hostile_characters_take_ten_times_a_hundred_thousand(pattern: str) -> None:
    """Linear: up to 25 times is measuring noise, quadratic would be 100 times."""
    text = (pattern * (1_000_000 // len(pattern) + 1))[:1_000_000]
    tokens.encode("the vocabulary is loaded")
    short, long = seconds(text[:100_000]), seconds(text)
    assert long < max(25 * short, 0.25)
    assert long < 5
    assert tokens.count(text) == len(tokens.encode(text))


def test_a_hundred_kilobytes_of_prose_take_less_than_50_ms() -> None:
    """The bound of the specification, with a loaded vocabulary."""
    tokens.encode("the vocabulary is loaded")
    assert seconds("It's said the quick brown fox, aged 12, jumped.\n" * 2_100) < 0.05


def test_importing_the_module_loads_no_library_and_no_vocabulary() -> None:
    """An idle gateway never pays for a tokenizer."""
    program = "import sys, elizanet.tokens; print('toktok' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_threads_that_start_together_load_one_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight threads at the first call: one load, and each has the right answer."""
    loads: list[str] = []

    class Library:
        @staticmethod
        def _encoding(encoding: str) -> Any:
            loads.append(encoding)
            time.sleep(0.05)
            return library(encoding)

    monkeypatch.setattr(tokens, "_loaded", {})
    monkeypatch.setattr(tokens, "import_module", lambda _: Library)
    answers: list[list[int]] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        answers.append(tokens.encode("Hello world"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[13225, 2375]] * 8
    assert loads == ["o200k_base"]


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        *((name, "o200k_base") for name in (
            "gpt-4o", "gpt-4o-mini", "gpt-4o-2024-08-06", "gpt-4.1", "gpt-4.1-nano", "gpt-4.5-preview",
            "gpt-5", "gpt-5-mini", "gpt-5.2", "chatgpt-4o-latest", "o1", "o1-preview", "o3-mini",
            "o4-mini", "gpt-oss-120b", "openai/gpt-4o", "openrouter/openai/gpt-4o:free",
            "ft:gpt-4o-mini-2024-07-18:gpt-4-fans::id", "GPT-4O", "openai:gpt-4.1", "azure/gpt-41",
            "", "llama-3-70b", "claude-sonnet-4-5", "text-embedding-004", "nonsense gpt-4",
        )),
        *((name, "cl100k_base") for name in (
            "gpt-4", "gpt-4-turbo", "gpt-4-0613", "gpt-4-32k", "gpt-4-1106-preview", "gpt-3.5-turbo",
            "gpt-3.5", "gpt-35-turbo-16k", "text-embedding-3-small", "text-embedding-3-large",
            "text-embedding-ada-002", "davinci-002", "openai/gpt-4", "azure/openai/gpt-35-turbo",
            "ft:gpt-3.5-turbo-0125:team::id", "openai/ft:gpt-4:team:gpt-4o-like:id", " GPT-4 ",
        )),
    ],
)  # fmt: skip
def test_a_model_name_tells_its_encoding(model: str, encoding: str) -> None:
    """OpenAI's families, with provider prefixes and fine-tune names; all else is o200k_base."""
    assert tokens.encoding_for(model) == encoding
