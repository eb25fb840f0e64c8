"""Secrets go, everything else stays."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.redact import MASK, redact

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
