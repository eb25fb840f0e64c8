"""What the official Python client makes of failures: the class it raises, and what it tries again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI

from support.gateway_process import PROVIDERS_KEY, Gateway, Providers

pytestmark = pytest.mark.sdks

ASKED = [{"role": "user", "content": "hello"}]


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    """The client as it is by default: it tries everything again that it may, twice."""
    with OpenAI(base_url=gateway.base_url, api_key=gateway.key) as made:
        yield made


@pytest.mark.parametrize(
    ("model", "raised", "code"),
    [
        ("picky", openai.BadRequestError, "decimal_above_max_value"),
        ("prudish", openai.BadRequestError, "content_filter"),
        ("small", openai.BadRequestError, "context_length_exceeded"),
        ("elsewhere", openai.NotFoundError, "model_not_found"),
        ("locked", openai.AuthenticationError, "invalid_api_key"),
    ],
)
def test_the_only_providers_own_error_is_raised(
    client: OpenAI, providers: Providers, model: str, raised: type[openai.APIStatusError], code: str
) -> None:
    """A chain of one passes its provider's error on, and nobody tries it again."""
    with pytest.raises(raised) as caught:
        client.chat.completions.create(model=model, messages=ASKED)
    assert caught.value.code == code
    assert PROVIDERS_KEY not in str(caught.value)
    assert len(providers.received(model)) == 1


def test_a_wrong_key_is_an_authentication_error(gateway: Gateway, providers: Providers) -> None:
    """A caller without a key of the gateway reaches no provider."""
    with (
        OpenAI(base_url=gateway.base_url, api_key="sk-wrong") as stranger,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        stranger.chat.completions.create(model="gpt-4o", messages=ASKED)
    assert caught.value.code == "invalid_api_key"
    assert providers.received("primary") == []


def test_a_request_without_messages_gets_the_providers_words(client: OpenAI) -> None:
    """What is wrong with a request only its provider knows; it says so through us."""
    with pytest.raises(openai.BadRequestError, match="messages"):
        client.chat.completions.create(model="gpt-4o", messages=[])


def test_a_rate_limit_tells_how_long_to_wait(gateway: Gateway) -> None:
    """The provider's delay reaches the caller's client."""
    with (
        OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0) as client,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        client.chat.completions.create(model="limited", messages=ASKED)
    assert 0 < float(caught.value.response.headers["retry-after"]) <= 20


def test_a_chain_that_gave_up_is_not_tried_again(client: OpenAI, providers: Providers) -> None:
    """With every provider down one call is one call, and the client is told so."""
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="all-down", messages=ASKED)
    assert caught.value.status_code == 503
    assert caught.value.type == "all_targets_failed"
    asked = [attempt["provider"] for attempt in caught.value.body["attempts"]]
    assert asked == ["dead", "dead-too"]
    assert len(providers.received("dead-too")) <= 1


def test_a_stream_that_breaks_raises_after_what_came(client: OpenAI) -> None:
    """A cut answer is never a short one: the client raises, and has all that came before."""
    stream = client.chat.completions.create(model="cutting", messages=ASKED, stream=True)
    pieces: list[str] = []
    with pytest.raises(openai.APIError) as caught:
        pieces.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "".join(pieces) == "cutting answers:"
    assert not isinstance(caught.value, openai.APIConnectionError)


def test_a_silent_provider_is_left_in_time(client: OpenAI, providers: Providers) -> None:
    """The client says how long it waits; within that time the next provider has answered."""
    began = time.monotonic()
    answer = client.with_options(timeout=6, max_retries=0).chat.completions.create(
        model="waits-and-falls-back", messages=ASKED
    )
    assert answer.choices[0].message.content == "backup answers: hello"
    assert time.monotonic() - began < 6
    assert len(providers.received("silent")) == 1


def test_a_caller_who_gives_up_frees_the_provider(client: OpenAI, providers: Providers) -> None:
    """When the client's own time is over, the provider's connection is closed at once."""
    before = len(providers.by_name["silent"].peer_closed_at)
    with pytest.raises(openai.APIError):
        client.with_options(timeout=1, max_retries=0).chat.completions.create(
            model="silent", messages=ASKED
        )
    ends_at = time.monotonic() + 2
    while len(providers.by_name["silent"].peer_closed_at) == before:
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def test_a_model_that_no_provider_has_is_not_found(client: OpenAI) -> None:
    """The list of models is asked for one that is not there."""
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nobody-has-this")
    assert caught.value.code == "model_not_found"


def test_a_path_that_nobody_knows_is_not_found(client: OpenAI) -> None:
    """What the gateway does not know its passthrough provider is asked for."""
    with pytest.raises(openai.NotFoundError):
        client.get("/nothing/here", cast_to=object)


def test_an_error_body_is_what_the_client_expects(client: OpenAI) -> None:
    """Every error has the four fields, whoever it is from."""
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="all-down", messages=ASKED)
    body = json.loads(caught.value.response.content)
    assert {"message", "type", "code", "param"} <= set(body["error"])
