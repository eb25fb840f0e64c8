"""Secrets go, everything else stays."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.redact import MASK, excerpt, redact, redact_json

SECRETS = [
    ("Incorrect API key provided: {}.", "sk-proj-abcdEFGH1234567890"),
    ("Incorrect API key provided: {}. You can find", "sk-abc***************xyz9"),
    ("Authorization: Bearer {}", "abcdef1234567890"),
    ("Illegal header value b'Bearer {}'", "sk-ant-api03-xyzXYZ123"),
    ("x-api-key: {}", "1234567890abcdef"),
    ("{{'api_key': '{}'}}", "abc-defghij"),
    ("https://api.example.com/v1?key={}&alt=sse", "0123456789abcdef"),
    ("https://api.example.com/v1?alt=sse&token={}", "abcdefgh"),
    ("bad key {}", "AIzaSyA1234567890abcdefghijklmnopqrstu"),
    ("bad key {}", "gsk_abcdEFGH12345678"),
    ("bad key {}", "xai-abcdef123456XYZ"),
    ("bad key {}", "hf_AbCdEfGhIjKl12"),
    ("bad key {}", "AKIAIOSFODNN7EXAMPLE"),
    ("bad token {}", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_def-123"),
    ("Rate limit reached in organization {} on tokens", "org-AbC123dEf456"),
    ("Rate limit reached in organization `{}` on tokens", "org_01abcdEF23"),
    ("Project {} does not have access", "proj_abc123DEF"),
    ("{} is overdue", "acct_1A2b3C4d"),
    ("User: {} is not authorized", "arn:aws:iam::123456789012:user/bob"),
    ("https://{}@proxy.example.com:8080/", "user:pa55"),
    ("http://{}/v1 refused", "10.1.2.3:8000"),
    ("HTTPConnectionPool(host='{}', port=80)", "192.168.0.9"),
    ("({})", "172.16.4.5"),
    ("{} refused", "127.0.0.1:11434"),
    ("http://{}/latest", "169.254.169.254"),
    ("http://{}/v1", "[fd00::12]:8080"),
    ("Cannot connect to host {}", "llm.prod.svc.cluster.local:8080"),
    ("Cannot connect to host {} ssl", "ollama.internal:11434"),
    ("http://{}/api", "localhost:11434"),
    ("http://{}/api", "gpu-7.local"),
    ("http://{}/v1 refused", "vllm:8000"),
    ("http://{}", "ollama"),
    ("connect to http://{}.", "gpu-1:8000"),
    ("backend {} is unhealthy", "gpu-1:8000"),
    ("({}: out of memory)", "vllm-0:8000"),
    ("Cannot connect to host {} ssl:default", "vllm:8000"),
    ("failed to connect to {}: refused", "ollama:11434"),
    ("HTTPConnectionPool(host='{}', port=8000)", "vllm"),
    ("dial tcp: lookup {} on", "vllm-0"),
    ("dial tcp: lookup {}: no such host", "vllm"),
    ("route to {} lost", "fd12::1"),
    ("({})", "fd12:3456:789a::1"),
    ("at {},", "fe80::1%eth0"),
    ("{} refused", "::1"),
    ("/subscriptions/{}/resourceGroups/x", "0f8fad5b-d9cb-469f-a165-70867728950e"),
    ("Subscription '{}' was not found", "0F8FAD5B-D9CB-469F-A165-70867728950E"),
    ("tenant: {} is disabled", "0f8fad5b-d9cb-469f-a165-70867728950e"),
    ('"subscriptionId": "{}"', "0f8fad5b-d9cb-469f-a165-70867728950e"),
    ("AWS account {} is not allowed", "123456789012"),
    ("account id: {}", "123456789012"),
    ("projects/{}/locations", "123456789012"),
    ("pull {}.dkr.ecr.eu-central-1.amazonaws.com/x", "123456789012"),
]
HARMLESS = [
    "The model `gpt-4o-mini` does not exist or you do not have access to it.",
    "claude-3-5-sonnet-20241022: 429 Too Many Requests",
    "meta-llama/Llama-3.3-70B-Instruct-Turbo is overloaded",
    "Bearer authentication is required",
    "Basic authentication failed; the api key is missing",
    "invalid password: must be longer",
    "use the key parameter, key=value",
    "version 1.10.2.3, hosts 172.32.0.1 and 8.8.8.8",
    "Rate limit reached on tokens per min (TPM): Limit 30000, Used 18928, Requested 11159.",
    "user_request_timeout, account_overdue, org-level limits, sub_category",
    "https://api.openai.com/v1 and https://api.groq.com/openai/v1",
    "internal error at local time 10:15",
    "sk-learn and hf-inference",
    "request id 0f8fad5b-d9cb-469f-a165-70867728950e at 1763884800000, 123456789012 tokens",
    "error: status:503 code:4001 at line 12:30, retry after:30, port:8080",
    "llama3.1:8b, qwen2.5:72b-instruct, gpt-oss:20b and gemma3:27b are loaded",
    "limited to 4096 tokens; max_tokens:4096 and seed:12345",
    "std::string, a::b, fd and fc00, face:1234, 12:34:56",
    "https://example.com:8000/v1 and http://api.example.co.uk",
    "Your account has 12 credits; the project 2024 quota",
    "model gpt-4o:online not found, see https://openrouter.ai",
    "messages.243: `tool_use` ids were found without `tool_result` blocks",
]


@pytest.mark.parametrize(("sentence", "secret"), SECRETS)
def test_a_secret_goes_and_its_sentence_stays(sentence: str, secret: str) -> None:
    """What stands around it still tells the reader what happened."""
    before, after = sentence.format("\0").split("\0")
    assert redact(sentence.format(secret)) == f"{before}{MASK}{after}"


@pytest.mark.parametrize("sentence", HARMLESS)
def test_ordinary_text_is_untouched(sentence: str) -> None:
    """Model names, statuses, parameters and public addresses are what the reader needs."""
    assert redact(sentence) == sentence


@given(st.text(), st.sampled_from(SECRETS), st.text())
def test_a_secret_goes_wherever_it_stands(before: str, secret: tuple[str, str], after: str) -> None:
    """Between any two words."""
    text = f"{before} {secret[0].format(secret[1])} {after}"
    assert secret[1] not in redact(text) or secret[1] in before + after


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    """The mask itself is no secret."""
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "unit",
    ["a", "sk-", "1.", "10.", "a.", "eyJ", "://a:", "Bearer ", "a-", "user_", "arn:aws:", "key=",
     "a@", "[::", "x.internal", "api_key: ", "password:", "org-", "9"],
)  # fmt: skip
def test_the_time_is_linear(unit: str) -> None:
    """Eight times the text takes about eight times the time, not sixty-four times."""

    def cost(length: int) -> float:
        text = unit * (length // len(unit))
        best = float("inf")
        for _ in range(3):
            started = time.process_time()
            redact(text)
            best = min(best, time.process_time() - started)
        return best

    assert cost(160_000) < 30 * max(cost(20_000), 0.001)


@pytest.mark.parametrize("before", range(40, 62))
def test_an_excerpt_is_redacted_before_it_is_cut(before: int) -> None:
    """Of a key at the cut nothing stays, though its first characters alone look like none."""
    cut = excerpt("x" * before + " Bearer abcdefgh1jklmnopqrst", 60)
    assert "abcd" not in cut
    assert len(cut) <= 60


@pytest.mark.parametrize("count", [200, 300, 400])
def test_an_excerpt_shows_nothing_of_a_key_that_was_looked_at_in_part(count: int) -> None:
    """What was taken out before it moves the end of what was looked at into the excerpt."""
    shown = excerpt("sk-0123456789abcdef " * count + "Bearer abcdefghijklmnopqrst", 60)
    assert "abc" not in shown
    long = excerpt("password=" + "x" * 4000 + " " + "y" * 500, 4000)
    assert long.startswith("password=[redacted]")


def test_a_short_text_is_its_own_excerpt() -> None:
    """And may be empty."""
    assert (excerpt("short", 60), excerpt("", 60)) == ("short", "")


@pytest.mark.parametrize(("sentence", "secret"), SECRETS)
@pytest.mark.parametrize("before", ["line\n", "tab\t", "\u00e9 ", 'quoted "', "back\\"])
@pytest.mark.parametrize("after", ["", '"', "\\", "\nline"])
def test_a_secret_in_json_goes_also_beside_an_escape(
    sentence: str, secret: str, before: str, after: str
) -> None:
    """The letter of an escape is no beginning of a word, and the text stays JSON."""
    told = json.dumps({"error": {"message": before + sentence.format(secret) + after}})
    shown = json.loads(redact_json(told))
    assert secret not in shown["error"]["message"]
    assert shown["error"]["message"].startswith(before)


@given(
    st.recursive(st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_json_without_a_secret_is_untouched_and_json_stays_json(value: object) -> None:
    """Spelling and white space of all others stay."""
    for written in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        shown = redact_json(written)
        json.loads(shown)
        assert shown == written or MASK in shown


def test_what_is_no_json_is_redacted_as_a_text() -> None:
    """A page, or half an object."""
    assert redact_json('<a href="x">sk-abcdefgh1234567890</a>') == f'<a href="x">{MASK}</a>'
    assert redact_json('{"a": "Bearer abcdefgh12345678') == f'{{"a": "Bearer {MASK}'


@pytest.mark.parametrize("end", ["", "\\", "\\u", "\\u00", '\\"', "\\n", '"', '"}'])
def test_a_key_behind_an_escape_is_found_wherever_the_json_ends(end: str) -> None:
    """What is captured is cut at a number of bytes."""
    shown = redact_json('{"a": "b", "c": "one\\nsk-abcdefgh1234567890 two' + end)
    assert shown.startswith('{"a": "b", "c": "one\\n' + MASK + " two")


def test_what_stands_beside_a_secret_in_json_stays_as_it_is_written() -> None:
    """Letters beyond ASCII stay themselves; half a character can only stay an escape."""
    assert redact_json('"é sk-abcdefgh1234567890"') == f'"é {MASK}"'
    assert redact_json(r'"\ud83d sk-abcdefgh1234567890"') == rf'"\ud83d {MASK}"'
