"""The library over real sockets: every model type, and what happens when a provider fails."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Callable
from typing import Any, cast

import pytest

from elizanet import (
    AllTargetsFailed,
    DegradedVector,
    Elizanet,
    FailureClass,
    InputError,
    ModelType,
    Operation,
    ProviderError,
)
from elizanet.logs import log_sink
from elizanet.model_types.served import Served, Usage, usage_in
from elizanet.testing import Upstream

MakeNet = Callable[..., Elizanet]
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def sent(upstream: Upstream) -> dict[str, object]:
    """Return the body of the last request a provider received."""
    body: dict[str, object] = json.loads(upstream.requests[-1].body)
    return body


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        (ModelType.TEXT_SMALL, "gpt-4o-mini"),
        (ModelType.TEXT_LARGE, "gpt-4o"),
        (ModelType.REASONING_SMALL, "gpt-4o-mini"),
        (ModelType.REASONING_LARGE, "gpt-4o"),
        (ModelType.TEXT_COMPLETION, "gpt-4o"),
    ],
)
async def test_each_text_type_asks_for_its_model(
    kind: ModelType, model: str, primary: Upstream, make_net: MakeNet
) -> None:
    """The model type decides the model's name."""
    text = await make_net(primary).use_model(kind, {"prompt": "Hello"})
    assert isinstance(text, str)
    assert "Hello" in text
    assert sent(primary) == {"model": model, "messages": [{"role": "user", "content": "Hello"}]}


async def test_parameters_come_in_either_spelling_and_zero_is_a_value(
    primary: Upstream, make_net: MakeNet
) -> None:
    """camelCase and snake_case mean the same; None means not given, 0 and "" do not."""
    await make_net(primary).use_model(
        "TEXT_SMALL",
        {"prompt": "", "system": "Be brief", "maxTokens": 5, "temperature": 0, "top_p": 0.0,
         "stopSequences": ["END"], "frequencyPenalty": 0, "presence_penalty": None, "user": ""},
    )  # fmt: skip
    assert sent(primary) == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": ""}],
        "max_tokens": 5,
        "temperature": 0,
        "top_p": 0.0,
        "stop": ["END"],
        "frequency_penalty": 0,
        "user": "",
    }


async def test_reasoning_models_get_the_limit_they_understand(
    primary: Upstream, make_net: MakeNet
) -> None:
    """OpenAI's reasoning models refuse `max_tokens`."""
    net = make_net(primary)
    await net.use_model(ModelType.TEXT_LARGE, {"prompt": "x", "maxTokens": 9, "model": "o3-mini"})
    assert sent(primary)["max_completion_tokens"] == 9
    assert "max_tokens" not in sent(primary)


async def test_an_older_completion_model_uses_the_completions_api(
    primary: Upstream, make_net: MakeNet
) -> None:
    """TEXT_COMPLETION with a model that knows no chat."""
    net = make_net(primary)
    given = {"prompt": "Once", "model": "gpt-3.5-turbo-instruct"}
    assert await net.use_model(ModelType.TEXT_COMPLETION, given)
    assert primary.requests[-1].path == "/v1/completions"
    assert sent(primary)["prompt"] == "Once"


@pytest.mark.parametrize("kind", [ModelType.TEXT_SMALL, ModelType.TEXT_LARGE_STREAM])
async def test_a_stream_arrives_in_pieces(
    kind: ModelType, primary: Upstream, make_net: MakeNet
) -> None:
    """The pieces make up the text, and there is more than one."""
    pieces = [piece async for piece in make_net(primary).stream(kind, {"prompt": "Hello you"})]
    assert len(pieces) > 1
    assert "Hello you" in "".join(pieces)
    assert sent(primary)["stream"] is True


FAULTS = [
    "status=503", "rate_limit", "quota", "overloaded", "auth", "model_not_found", "close", "reset",
    "garbage", "half_head", "huge_headers", "refuse", "status=500", "status=529",
    "status=408", "status=502,html",
]  # fmt: skip


@pytest.mark.parametrize("fault", [*FAULTS, "cut", "bad_chunk", "empty200", "not_json200", "html200",
                                   "no_choices", "empty_content", "error200"])  # fmt: skip
async def test_a_failing_provider_is_not_felt(
    fault: str, primary: Upstream, backup: Upstream, make_net: MakeNet
) -> None:
    """Whatever the first provider does, the second one answers."""
    net = make_net(primary, backup)
    primary.fail(fault)
    text = await net.use_model(ModelType.TEXT_SMALL, {"prompt": "Hello"})
    assert str(text).startswith("backup")


@pytest.mark.parametrize(
    "fault",
    [*FAULTS, "cut_stream=0", "cut_stream=0,how=reset", "cut_stream=0,how=clean", "error_event=0",
     "html200", "empty200", "big_event=2000000"],
)  # fmt: skip
async def test_a_stream_that_fails_before_its_first_word_is_not_felt(
    fault: str, primary: Upstream, backup: Upstream, make_net: MakeNet
) -> None:
    """Nothing of the first provider reaches the caller."""
    net = make_net(primary, backup)
    primary.fail(fault)
    pieces = [piece async for piece in net.stream(ModelType.TEXT_SMALL, {"prompt": "Hello"})]
    assert "".join(pieces).startswith("backup")
    assert "primary" not in "".join(pieces)


@pytest.mark.parametrize(
    "fault",
    ["cut_stream=1", "cut_stream=2,how=reset", "cut_stream=1,how=clean", "error_event=1",
     "no_finish", "bad_chunk", "cut"],
)  # fmt: skip
async def test_a_stream_that_breaks_after_words_is_an_error(
    fault: str, primary: Upstream, backup: Upstream, make_net: MakeNet
) -> None:
    """A truncated text is never passed off as whole."""
    net = make_net(primary, backup)
    primary.fail(fault)
    pieces = []
    with pytest.raises(ProviderError) as caught:
        async for piece in net.stream(ModelType.TEXT_SMALL, {"prompt": "Hello"}):
            pieces.append(piece)  # noqa: PERF401 -- the pieces before the error count
    assert caught.value.failure_class is FailureClass.STREAM_INTERRUPTED
    assert pieces
    assert not backup.requests


async def test_a_stream_without_done_is_whole(primary: Upstream, make_net: MakeNet) -> None:
    """The finish reason is the end; `[DONE]` is a courtesy."""
    primary.fail("no_done")
    pieces = [p async for p in make_net(primary).stream(ModelType.TEXT_SMALL, {"prompt": "Hi"})]
    assert "Hi" in "".join(pieces)


async def test_leaving_a_stream_early_closes_the_upstream(
    primary: Upstream, make_net: MakeNet
) -> None:
    """`break` is enough; the provider stops paying for tokens nobody reads."""
    primary.fail("stall_stream=2")
    async for _ in make_net(primary).stream(ModelType.TEXT_SMALL, {"prompt": "Hello you"}):
        break
    await primary.wait_closed_by_peer(timeout=2)


@pytest.mark.parametrize(
    "fault", ["hang", "hang_headers", "endless_body", "drip", "keepalives,stream=yes"]
)
async def test_a_hanging_provider_is_left_after_its_limit(
    fault: str, primary: Upstream, backup: Upstream, make_net: MakeNet
) -> None:
    """Silence, endless bodies and keep-alives end at the limit; then the next one answers."""
    net = make_net(primary, backup, extra="[timeouts]\nattempt = 0.5\nfirst_event = 0.5\n")
    primary.fail(fault)
    async with asyncio.timeout(5):
        if "stream" not in fault:
            text = await net.use_model(ModelType.TEXT_SMALL, {"prompt": "Hello"})
            assert text.startswith("backup")
        pieces = [p async for p in net.stream(ModelType.TEXT_SMALL, {"prompt": "Hello"})]
    assert "".join(pieces).startswith("backup")


async def test_a_cancelled_call_closes_its_upstream_connection(
    primary: Upstream, make_net: MakeNet
) -> None:
    """A caller that goes away takes its request along, within a tenth of a second."""
    primary.fail("hang")
    net = make_net(primary)
    took = []
    for count in (1, 2, 3):  # the best of three: a busy machine spoils some
        task = asyncio.create_task(net.use_model(ModelType.TEXT_SMALL, {"prompt": "Hello"}))
        await primary.wait_received(count)
        began = asyncio.get_running_loop().time()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        took.append(await primary.wait_closed_by_peer(count, timeout=2) - began)
    assert min(took) < 0.1


async def test_a_400_does_not_fall_back(
    primary: Upstream, backup: Upstream, make_net: MakeNet
) -> None:
    """It would fail everywhere; the provider's reason reaches the caller."""
    primary.fail("bad_request")
    with pytest.raises(ProviderError) as caught:
        await make_net(primary, backup).use_model(ModelType.TEXT_SMALL, {"prompt": "Hello"})
    assert (caught.value.failure_class, caught.value.status) == (FailureClass.BAD_REQUEST, 400)
    assert not backup.requests


async def test_both_down_says_what_each_one_said(
    primary: Upstream, backup: Upstream, make_net: MakeNet
) -> None:
    """One error with the attempts in order."""
    primary.fail("rate_limit")
    backup.fail("overloaded")
    with pytest.raises(AllTargetsFailed, match="primary/gpt-4o-mini: rate_limit") as caught:
        await make_net(primary, backup).use_model(ModelType.TEXT_SMALL, {"prompt": "Hello"})
    assert caught.value.attempts[0].provider == "primary"
    assert [a.failure_class for a in caught.value.attempts][-1] == "overloaded"


async def test_an_embedding_is_a_vector_of_the_configured_length(
    primary: Upstream, make_net: MakeNet
) -> None:
    """One text gives one vector, a list of texts a list in their order."""
    net = make_net(primary)
    one = await net.use_model(ModelType.TEXT_EMBEDDING, {"text": "hello"})
    several = await net.use_model("TEXT_EMBEDDING", {"texts": ["other", "hello"]})
    assert len(one) == 1536
    assert not isinstance(one, DegradedVector)
    assert isinstance(several, list)
    assert several[1] == one
    assert sent(primary)["input"] == ["other", "hello"]


@pytest.mark.parametrize(
    ("given", "marker"),
    [(None, 0.1), ({"text": None}, 0.2), ({}, 0.2), ({"text": 5}, 0.2), ({"text": ""}, 0.3),
     ("  ", 0.3), ({"texts": []}, 0.3)],
)  # fmt: skip
async def test_an_unusable_text_gives_its_marker_vector(
    given: object, marker: float, primary: Upstream, make_net: MakeNet
) -> None:
    """The specification's vectors: zeros, and the reason in front."""
    vector = await make_net(primary).use_model("TEXT_EMBEDDING", cast(Any, given))
    assert isinstance(vector, DegradedVector)
    assert vector == [marker, *[0.0] * 1535]
    assert vector.degraded
    assert not primary.requests


@pytest.mark.parametrize(
    ("fault", "marker"),
    [("status=503", 0.4), ("auth", 0.4), ("refuse", 0.6), ("hang", 0.6), ("empty200", 0.5),
     ("wrong_dimensions", 0.5)],
)  # fmt: skip
async def test_a_failed_embedding_gives_its_marker_vector(
    fault: str,
    marker: float,
    primary: Upstream,
    make_net: MakeNet,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """API, network and malformed failures can be told apart, and are warned about."""
    primary.fail(fault)
    net = make_net(primary, extra="[timeouts]\nattempt = 0.3\n", sinks=(log_sink,))
    with caplog.at_level(logging.WARNING):
        vector = await net.use_model(ModelType.TEXT_EMBEDDING, {"text": "hello"})
    assert isinstance(vector, DegradedVector)
    assert vector[0] == marker
    assert "degraded" in caplog.text


async def test_a_wrong_length_moves_on_to_the_next_provider(
    primary: Upstream, backup: Upstream, make_net: MakeNet
) -> None:
    """A vector that would break the store is a malformed answer."""
    primary.fail("wrong_dimensions")
    vector = await make_net(primary, backup).use_model(ModelType.TEXT_EMBEDDING, {"text": "hello"})
    assert not isinstance(vector, DegradedVector)
    assert len(vector) == 1536


async def test_a_failed_embedding_can_raise_instead(
    primary: Upstream, make_settings: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ELIZANET_EMBEDDING_ON_FAILURE=raise; only the null probe still gets its vector."""
    make_settings(primary)
    explicit = {"ELIZANET_EMBEDDING_ON_FAILURE": "raise", "ELIZANET_EMBEDDING_DIMENSIONS": 8}
    primary.fail("status=503")
    async with Elizanet.from_env(explicit) as net:
        with pytest.raises(ProviderError):
            await net.use_model(ModelType.TEXT_EMBEDDING, {"text": "hello"})
        with pytest.raises(InputError, match="empty"):
            await net.use_model(ModelType.TEXT_EMBEDDING, {"text": ""})
        assert len(await net.use_model(ModelType.TEXT_EMBEDDING, None)) == 8


async def test_an_image_is_an_address(primary: Upstream, make_net: MakeNet) -> None:
    """A list of `{"url": ...}`; base64 becomes a data URL."""
    net = make_net(primary)
    images = await net.use_model(ModelType.IMAGE, {"prompt": "a cat", "count": 2})
    assert [list(image) for image in images] == [["url"], ["url"]]
    assert sent(primary) == {"model": "dall-e-3", "prompt": "a cat", "n": 2}
    [image] = await net.use_model(ModelType.IMAGE, {"prompt": "x", "responseFormat": "b64_json"})
    assert image["url"].startswith("data:image/png;base64,")


async def test_an_object_fits_its_schema(primary: Upstream, make_net: MakeNet) -> None:
    """The schema goes to the provider, and the answer is held against it."""
    value = await make_net(primary).use_model("OBJECT_SMALL", {"prompt": "who?", "schema": SCHEMA})
    assert isinstance(value, dict)
    assert set(value) == {"name", "age"}
    form = sent(primary)["response_format"]
    assert isinstance(form, dict)
    assert form["json_schema"]["schema"] == SCHEMA


async def test_an_object_that_does_not_fit_moves_on(
    primary: Upstream, backup: Upstream, make_net: MakeNet
) -> None:
    """A wrong object is a malformed answer, and the next provider is asked."""
    primary.fail("bad_json_object")
    net = make_net(primary, backup)
    value = await net.use_model(ModelType.OBJECT_LARGE, {"prompt": "who?", "schema": SCHEMA})
    assert isinstance(value, dict)
    assert backup.requests


async def test_an_object_that_is_nearly_json_is_repaired(
    primary: Upstream, make_net: MakeNet
) -> None:
    """Fences, single quotes and trailing commas are no reason to ask again."""
    primary.fail("bad_json_object,nearly")
    value = await make_net(primary).use_model("OBJECT_LARGE", {"prompt": "?", "schema": SCHEMA})
    assert isinstance(value, dict)
    assert len(primary.requests) == 1


async def test_a_provider_without_schemas_gets_them_in_words(
    primary: Upstream, make_net: MakeNet
) -> None:
    """A provider that refuses `response_format` is asked without, then and afterwards."""
    net = make_net(primary)
    primary.fail("bad_request,message='response_format' is not supported here,times=1")
    for _ in range(2):
        assert await net.use_model("OBJECT_SMALL", {"prompt": '{"a":1}'}) == {"a": 1}
    formats = ["response_format" in json.loads(request.body) for request in primary.requests]
    assert formats == [True, False, False]


async def test_a_schema_that_is_none_is_refused(primary: Upstream, make_net: MakeNet) -> None:
    """Before any provider is asked."""
    for schema in ({"type": "nonsense"}, "text", {"$ref": "http://127.0.0.1:9/x"}):
        with pytest.raises(InputError, match="schema"):
            await make_net(primary).use_model("OBJECT_SMALL", {"prompt": "?", "schema": schema})
    assert not primary.requests


async def test_the_tokenizer_is_local_and_exact(primary: Upstream, make_net: MakeNet) -> None:
    """Encoding and decoding ask nobody, and special tokens in a text are text."""
    net = make_net(primary)
    assert await net.use_model(ModelType.TEXT_TOKENIZER_ENCODE, {"prompt": "Hello world"}) == [
        13225, 2375,
    ]  # fmt: skip
    text = "<|endoftext|> and 🦀"
    tokens = await net.use_model(ModelType.TEXT_TOKENIZER_ENCODE, text)
    assert await net.use_model(ModelType.TEXT_TOKENIZER_DECODE, {"tokens": tokens}) == text
    assert not primary.requests


BAD_INPUTS: list[tuple[str, object, str]] = [
    ("TEXT_SMALL", None, "nothing to answer"),
    ("TEXT_SMALL", {}, "nothing to answer"),
    ("TEXT_SMALL", {"prompt": None}, "nothing to answer"),
    ("TEXT_SMALL", {"prompt": 5}, "`prompt` must be a string, not int"),
    ("TEXT_SMALL", {"prompt": "x" * 1_000_001}, "at most 1000000"),
    ("TEXT_SMALL", {"messages": []}, "at least one message"),
    ("TEXT_SMALL", {"messages": "hello"}, "must be a list"),
    ("TEXT_SMALL", {"messages": ["hello"]}, "messages\\[0\\]"),
    ("TEXT_SMALL", {"messages": [{"role": "user", "content": 5}]}, "must be a string or parts"),
    ("TEXT_SMALL", {"messages": [{"role": "user", "content": "x" * 1_000_001}]}, "at most"),
    ("TEXT_SMALL", {"prompt": "x", "temperature": "hot"}, "`temperature` must be a number"),
    ("TEXT_SMALL", {"prompt": "x", "temperature": math.nan}, "`temperature` must be a number"),
    ("TEXT_SMALL", {"prompt": "x", "maxTokens": 1.5}, "`max_tokens` must be a whole number"),
    ("TEXT_SMALL", {"prompt": "x", "maxTokens": True}, "`max_tokens` must be a whole number"),
    ("TEXT_SMALL", {"prompt": "x", "metadata": object()}, "`metadata` cannot be sent as JSON"),
    ("TEXT_SMALL", {"prompt": "\ud800"}, "cannot be sent"),
    ("TEXT_SMALL", {5: "x"}, "name must be a string"),
    ("TEXT_SMALL", 5, "must be a mapping or a string"),
    ("TEXT_SMALL", {"prompt": "x", "model": 5}, "`model` must be a string"),
    ("TEXT_SMAL", {"prompt": "x"}, "did you mean TEXT_SMALL"),
    ("VIDEO", {"prompt": "x"}, "unknown model type 'VIDEO'"),
    ("TEXT_SMALL_STREAM", {"prompt": "x"}, "use stream"),
    ("TEXT_EMBEDDING", {"text": "x" * 1_000_001}, "at most 1000000"),
    ("IMAGE", {}, "`prompt` is missing"),
    ("IMAGE", {"prompt": "x", "style": "loud"}, "allowed are vivid and natural"),
    ("TEXT_TOKENIZER_DECODE", {}, "list of whole numbers"),
    ("TEXT_TOKENIZER_ENCODE", {}, "must be a string"),
]


@pytest.mark.parametrize(("kind", "given", "sentence"), BAD_INPUTS)
async def test_bad_input_gets_one_clear_sentence(
    kind: str, given: object, sentence: str, primary: Upstream, make_net: MakeNet
) -> None:
    """It names the thing, the value and what is allowed, and no provider is bothered."""
    with pytest.raises(InputError, match=sentence) as caught:
        await make_net(primary).use_model(kind, cast(Any, given))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert not primary.requests


async def test_only_texts_are_streamed(primary: Upstream, make_net: MakeNet) -> None:
    """An image has no pieces."""
    with pytest.raises(InputError, match="cannot be streamed"):
        await anext(aiter(make_net(primary).stream("IMAGE", {"prompt": "x"})))


async def test_a_raw_answer_tells_its_attempts(
    primary: Upstream, backup: Upstream, make_net: MakeNet
) -> None:
    """`send` gives the provider's bytes, and who was asked."""
    primary.fail("overloaded")
    fields = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
    async with await make_net(primary, backup).send(Operation.CHAT, fields) as answer:
        body = json.loads(await answer.read())
    assert body["object"] == "chat.completion"
    assert [(a.provider, a.failure_class) for a in answer.attempts] == [
        ("primary", "overloaded"),
        ("backup", None),
    ]


async def test_health_says_who_answers_and_why_not(
    primary: Upstream, backup: Upstream, make_net: MakeNet
) -> None:
    """One entry a provider; true or false, with the reason."""
    backup.fail("auth")
    health = await make_net(primary, backup).health_check()
    assert health["primary"]
    assert not health["backup"]
    assert "auth" in health["backup"].reason


async def test_fallback_can_be_switched_off(
    primary: Upstream, backup: Upstream, make_settings: Callable[..., object]
) -> None:
    """ELIZANET_FALLBACK_ENABLED=false: only the first target is tried."""
    make_settings(primary, backup)
    primary.fail("overloaded")
    async with Elizanet.from_env({"ELIZANET_FALLBACK_ENABLED": False}) as net:
        with pytest.raises(ProviderError):
            await net.use_model(ModelType.TEXT_SMALL, {"prompt": "Hello"})
    assert not backup.requests


async def test_a_rule_of_the_operators_own_is_tried_first(
    primary: Upstream, backup: Upstream, make_net: MakeNet, tmp_path: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """`[hooks] classify` turns a 400 of this provider into a reason to fall back."""
    with open("own_rules.py", "w", encoding="utf-8") as file:  # noqa: ASYNC230, PTH123
        file.write(
            "def classify(failure):\n    return 'overloaded' if failure.status == 400 else None\n"
        )
    monkeypatch.syspath_prepend(".")
    net = make_net(primary, backup, extra='[hooks]\nclassify = "own_rules:classify"\n')
    primary.fail("bad_request")
    assert str(await net.use_model(ModelType.TEXT_SMALL, "Hello")).startswith("backup")


async def test_an_own_path_is_used_for_its_kind_of_request(primary: Upstream) -> None:
    """`paths` sends one kind of request elsewhere on the same host."""
    table = (
        f'[providers.primary]\nbase_url = "{primary.base_url}"\n'
        'paths = { "chat/completions" = "/v1/completions" }\n'
        '[models."*"]\nchain = ["primary/*"]\n'
    )
    with open("elizanet.toml", "w", encoding="utf-8") as file:  # noqa: ASYNC230, PTH123
        file.write(table)
    async with Elizanet.from_file("elizanet.toml") as net:
        with pytest.raises(ProviderError):
            await net.use_model(ModelType.TEXT_SMALL, "Hello")
    assert {request.path for request in primary.requests} == {"/v1/completions"}


async def test_concurrent_calls_do_not_mix(primary: Upstream, make_net: MakeNet) -> None:
    """Fifty at once, each with its own answer."""
    net = make_net(primary)
    prompts = [f"number{n}" for n in range(50)]
    answers = await asyncio.gather(*(net.use_model(ModelType.TEXT_SMALL, p) for p in prompts))
    assert all(prompt in answer for prompt, answer in zip(prompts, answers, strict=True))


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (ModelType.TEXT_SMALL, {"prompt": "hi"}),
        (ModelType.TEXT_EMBEDDING, {"text": "hi"}),
        (ModelType.IMAGE, {"prompt": "hi"}),
        (ModelType.OBJECT_SMALL, {"prompt": "hi", "schema": SCHEMA}),
    ],
)
async def test_a_caller_may_be_told_who_answered(
    kind: ModelType,
    params: dict[str, object],
    primary: Upstream,
    backup: Upstream,
    make_net: MakeNet,
) -> None:
    """Every attempt, the target that answered, and the tokens it counted."""
    primary.fail("status=503,retry-after=99")
    told: list[Served] = []
    await make_net(primary, backup).use_model(kind, params, on_served=told.append)
    (served,) = told
    assert served.provider == "backup"
    assert [attempt.provider for attempt in served.attempts][-2:] == ["primary", "backup"]
    if kind is not ModelType.IMAGE:
        assert served.usage is not None
        assert served.usage.total_tokens > 0


async def test_the_usage_of_a_stream_is_told_at_its_end(
    primary: Upstream, make_net: MakeNet
) -> None:
    """If the stream has it; one that is left early tells nothing."""
    net, told = make_net(primary), list[Served]()
    usage = {"stream_options": {"include_usage": True}}
    for extra in (usage, {}):
        stream = net.stream(ModelType.TEXT_SMALL, {"prompt": "a b", **extra}, on_served=told.append)
        assert len([piece async for piece in stream]) > 1
    assert told[0].usage is not None
    assert told[0].usage.completion_tokens > 1
    assert told[1].usage is None
    stream = net.stream(ModelType.TEXT_SMALL, {"prompt": "a b"}, on_served=told.append)
    await anext(stream)
    await stream.aclose()
    assert len(told) == 2


@pytest.mark.parametrize(
    ("data", "usage"),
    [
        (b'{"usage": {"prompt_tokens": 2, "completion_tokens": 3}}', Usage(2, 3, 5)),
        (b'{"usage": {"prompt_tokens": 2, "total_tokens": 2}}', Usage(2, 0, 2)),
        (b'{"usage": null}', None),
        (b'{"usage": {"prompt_tokens": "many"}}', None),
        (b"[DONE]", None),
        (b"\xff", None),
    ],
)
def test_usage_is_read_where_it_is_usage(data: bytes, usage: Usage | None) -> None:
    """What a provider puts there instead is no reason to lose the answer."""
    assert usage_in(data) == usage


async def test_exceptions_of_other_clients_are_judged_by_the_same_rules(
    primary: Upstream, make_net: MakeNet
) -> None:
    """For faces that stand behind a client that is not ours."""
    net = make_net(primary)
    assert net.judge(ConnectionRefusedError()).failure_class is FailureClass.CONNECTION
    assert not net.judge(ValueError("invalid request")).retry_same_provider
