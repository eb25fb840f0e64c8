"""Calls of a real agent whose provider fails: who answers, and with what."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from elizaos import Plugin
from elizaos.trajectory_context import CURRENT_TRAJECTORY_STEP_ID
from elizaos.types.model import LLMMode
from elizaos.types.runtime import IAgentRuntime
from elizaos.types.service import Service

from elizanet import ProviderError
from elizanet.testing import Upstream
from elizaos_plugin_elizanet_fallback import plugin as fallback
from support.agents import (
    bodies,
    calls,
    configure,
    log_of,
    message_to,
    openai_plugin,
    pieces,
    reply_as_the_host_asks,
    running,
)

FALLS_BACK = (
    "rate_limit",
    "quota",
    "status=500",
    "status=502",
    "status=503",
    "status=504",
    "status=529",
    "status=408",
    "status=503,html",
    "refuse",
    "close",
    "reset",
)
STAYS = ("auth", "status=403", "bad_request", "model_not_found", "status=422", "content_policy")


@pytest.mark.parametrize("fault", FALLS_BACK)
@pytest.mark.parametrize("order", ["openai first", "fallback first"])
async def test_a_failed_provider_is_answered_for(
    fault: str, order: str, primary: Upstream, elizanet: Upstream
) -> None:
    """In either order of the plugins, and without a change to the call."""
    primary.fail(fault)
    plugins = [openai_plugin(), fallback]
    async with running(*(plugins if order == "openai first" else reversed(plugins))) as agent:
        assert await agent.use_model("TEXT_SMALL", {"prompt": "hi"}) == "elizanet answers: hi"
    assert calls(elizanet) == 1


@pytest.mark.parametrize("order", ["openai first", "fallback first"])
async def test_a_healthy_provider_answers_itself(
    order: str, primary: Upstream, elizanet: Upstream
) -> None:
    """The plugin never becomes the primary by accident."""
    plugins = [openai_plugin(), fallback]
    async with running(*(plugins if order == "openai first" else reversed(plugins))) as agent:
        assert await agent.use_model("TEXT_SMALL", prompt="hi") == "primary answers: hi"
        assert await pieces(agent.use_model_stream("TEXT_LARGE_STREAM", prompt="hi"))
    assert calls(primary) == 2
    assert calls(elizanet) == 0


@pytest.mark.parametrize("fault", STAYS)
async def test_a_failure_that_is_the_callers_stays(
    fault: str, primary: Upstream, elizanet: Upstream
) -> None:
    """Another provider would not help, or must not be asked behind the operator's back."""
    primary.fail(fault)
    async with running() as agent:
        with pytest.raises(Exception, match="OpenAI API error"):
            await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
    assert calls(elizanet) == 0


async def test_a_pinned_call_stays_pinned(primary: Upstream, elizanet: Upstream) -> None:
    """Who names a provider wants that one; a setting changes it."""
    primary.fail("status=503")
    async with running() as agent:
        with pytest.raises(Exception, match="503"):
            await agent.use_model("TEXT_SMALL", {"prompt": "hi"}, "openai")
        with pytest.raises(Exception, match="read"):
            await pieces(agent.use_model_stream("TEXT_SMALL_STREAM", {"prompt": "hi"}, "openai"))
    assert calls(elizanet) == 0
    async with running(settings={"ELIZANET_FALLBACK_PINNED": "true"}) as agent:
        answer = await agent.use_model("TEXT_SMALL", {"prompt": "hi"}, "openai")
    assert answer == "elizanet answers: hi"


async def test_the_plugin_can_be_asked_by_its_name(primary: Upstream, elizanet: Upstream) -> None:
    """A healthy provider is not asked then, and nothing is behind it."""
    async with running() as agent:
        answer = await agent.use_model("TEXT_SMALL", {"prompt": "hi"}, "elizanet-fallback")
        assert answer == "elizanet answers: hi"
        elizanet.fail("bad_request")
        with pytest.raises(ProviderError):
            await agent.use_model("TEXT_SMALL", {"prompt": "hi"}, "elizanet-fallback")
        assert not log_of(agent).said("only provider")
        assert not log_of(agent).said("[useModel]")
    assert calls(primary) == 0
    assert calls(elizanet) == 2


async def test_both_failed_is_the_first_error_with_the_second_beside_it(
    primary: Upstream, elizanet: Upstream
) -> None:
    """What the agent's own provider said is what the caller has to know."""
    primary.fail("rate_limit")
    elizanet.fail("bad_request,message='not today'")
    async with running() as agent:
        with pytest.raises(Exception, match=r"OpenAI API error \(429\)") as raised:
            await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
        assert log_of(agent).said("[useModel] ElizaNet fallback also failed: ", "error")
    assert type(raised.value).__name__ == "OpenAIClientError"
    assert isinstance(raised.value.__cause__, ProviderError)
    assert "not today" in raised.value.__notes__[0]


async def test_a_cause_that_an_error_has_already_is_kept(elizanet: Upstream) -> None:
    """The fallback's failure is then in a note and in the log."""
    elizanet.fail("bad_request")
    cause = OSError("the wire")

    async def fail(_runtime: object, _params: object) -> str:
        raise ConnectionError("unreachable") from cause

    async with running(
        Plugin(name="own", description="", models={"TEXT_SMALL": fail}), fallback
    ) as agent:
        with pytest.raises(ConnectionError) as raised:
            await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
    assert raised.value.__cause__ is cause
    assert "The ElizaNet fallback failed too" in raised.value.__notes__[0]


@pytest.mark.parametrize("fault", ["rate_limit", "status=503", "refuse", "hang", "cut_stream=0"])
async def test_a_stream_falls_back_before_its_first_piece(
    fault: str, primary: Upstream, elizanet: Upstream
) -> None:
    """The real openai plugin loses the status of a failed stream; the class is found all the same."""
    primary.fail(fault)
    async with running() as agent:
        text = await pieces(agent.use_model_stream("TEXT_SMALL_STREAM", {"prompt": "one two"}))
        assert "".join(text) == "elizanet answers: one two"
        assert len(text) > 1
        assert not log_of(agent).said("only provider")
    assert elizanet.requests[-1].stream


@pytest.mark.parametrize("fault", ["auth", "bad_request"])
async def test_a_streams_refusal_is_not_taken_for_an_outage(
    fault: str, primary: Upstream, elizanet: Upstream
) -> None:
    """The status is read from where the client lost it."""
    primary.fail(fault)
    async with running() as agent:
        with pytest.raises(Exception, match="read"):
            await pieces(agent.use_model_stream("TEXT_SMALL_STREAM", {"prompt": "hi"}))
    assert calls(elizanet) == 0


async def test_a_stream_never_mixes_two_providers(primary: Upstream, elizanet: Upstream) -> None:
    """After the first piece a break is the caller's to see."""
    primary.fail("cut_stream=2")
    received: list[str] = []
    async with running() as agent:
        with pytest.raises(Exception, match="peer closed"):
            async for piece in agent.use_model_stream("TEXT_SMALL_STREAM", {"prompt": "one two"}):
                received.append(piece)  # noqa: PERF401 -- what came before the error is asked for
    assert "".join(received).startswith("primary")
    assert calls(elizanet) == 0


async def test_an_empty_piece_does_not_commit_a_stream(elizanet: Upstream) -> None:
    """Nothing has been said yet that another provider would say again."""

    async def silent(_runtime: object, _params: object) -> Any:
        yield ""
        raise TimeoutError

    own = Plugin(name="own", description="", streamingModels={"TEXT_SMALL_STREAM": silent})
    async with running(own, fallback) as agent:
        text = await pieces(agent.use_model_stream("TEXT_SMALL_STREAM", {"prompt": "hi"}))
    assert "".join(text) == "elizanet answers: hi"


async def test_a_fallback_stream_that_breaks_is_an_error(
    primary: Upstream, elizanet: Upstream
) -> None:
    """Before its first piece the first error is raised, after it the second."""
    primary.fail("status=503")
    elizanet.fail("cut_stream=2")
    async with running() as agent:
        with pytest.raises(ProviderError, match="cut"):
            await pieces(agent.use_model_stream("TEXT_SMALL_STREAM", {"prompt": "one two three"}))
        elizanet.fail("bad_request")
        with pytest.raises(Exception, match="read") as raised:
            await pieces(agent.use_model_stream("TEXT_SMALL_STREAM", {"prompt": "hi"}))
    assert isinstance(raised.value.__cause__, ProviderError)


async def test_a_stream_that_is_left_is_closed(primary: Upstream, elizanet: Upstream) -> None:
    """Nobody pays for words that nobody reads."""
    primary.fail("status=503")
    elizanet.fail("stall_stream=1")
    async with running() as agent:
        stream = agent.use_model_stream("TEXT_SMALL_STREAM", {"prompt": "one two three"})
        async for _ in stream:
            break
        await stream.aclose()  # type: ignore[attr-defined]
        await elizanet.wait_closed_by_peer()


async def test_cancellation_passes_through(primary: Upstream, elizanet: Upstream) -> None:
    """Neither a caller who leaves nor one whose time is up is answered by somebody else."""
    primary.fail("hang")
    async with running() as agent:
        task = asyncio.create_task(agent.use_model("TEXT_EMBEDDING", {"text": "hi"}))
        await primary.wait_received()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await agent.use_model("TEXT_EMBEDDING", {"text": "hi"})
    assert calls(elizanet) == 0


async def test_a_cancelled_fallback_is_not_the_first_error(
    primary: Upstream, elizanet: Upstream
) -> None:
    """Cancellation wins while the fallback is asked, too."""
    primary.fail("status=503")
    elizanet.fail("hang,path=chat/*")
    async with running() as agent:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await agent.use_model("TEXT_SMALL", {"prompt": "hi"})


async def test_the_llm_mode_holds_for_the_fallback(primary: Upstream, elizanet: Upstream) -> None:
    """The host's override decides which model answers, and what the log and the record say."""
    primary.fail("status=503")
    async with running(llm_mode=LLMMode.LARGE) as agent:
        await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
        await pieces(agent.use_model_stream("TEXT_SMALL_STREAM", {"prompt": "hi"}))
        assert log_of(agent).said("Successfully fell back to ElizaNet LiteLLM for TEXT_LARGE (")
        assert log_of(agent).said("for TEXT_LARGE_STREAM (")
    assert [body["model"] for body in bodies(elizanet)] == ["gpt-4o", "gpt-4o"]


async def test_trajectories_have_the_fallbacks_answer(
    primary: Upstream, elizanet: Upstream
) -> None:
    """The host logs them around its own handlers, and the fallback goes through it."""
    primary.fail("status=503")
    logged: list[dict[str, object]] = []

    class Trajectories(Service):
        service_type = "trajectory_logger"
        capability_description = "collects"

        @classmethod
        async def start(cls, runtime: IAgentRuntime) -> Trajectories:
            return cls(runtime)

        async def stop(self) -> None:
            pass

        def log_llm_call(self, **fields: object) -> None:
            logged.append(fields)

    async with running() as agent:
        await agent.register_service(Trajectories)
        token = CURRENT_TRAJECTORY_STEP_ID.set("step")
        await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
        CURRENT_TRAJECTORY_STEP_ID.reset(token)
    (call,) = logged
    assert call["response"] == "elizanet answers: hi"


async def test_chosen_model_types_only(primary: Upstream, elizanet: Upstream) -> None:
    """ELIZANET_MODELS keeps embeddings out, and leaves a text's stream in."""
    primary.fail("status=503")
    async with running(settings={"ELIZANET_MODELS": "TEXT_SMALL"}) as agent:
        assert await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
        assert await pieces(agent.use_model_stream("TEXT_SMALL_STREAM", {"prompt": "hi"}))
        for kind, params in (("TEXT_EMBEDDING", {"text": "hi"}), ("TEXT_LARGE", {"prompt": "hi"})):
            with pytest.raises(Exception, match="503"):
                await agent.use_model(kind, params)
        assert not agent.has_model("IMAGE")
        assert len(log_of(agent).said("Attempting fallback")) == 2


async def test_chosen_failures_only(primary: Upstream, elizanet: Upstream) -> None:
    """ELIZANET_FALLBACK_ON replaces the list of failures."""
    async with running(settings={"ELIZANET_FALLBACK_ON": "auth, rate_limit"}) as agent:
        primary.fail("auth")
        assert await agent.use_model("TEXT_SMALL", {"prompt": "hi"}) == "elizanet answers: hi"
    async with running(settings={"ELIZANET_FALLBACK_ON": "auth, rate_limit"}) as agent:
        primary.fail("status=503")
        with pytest.raises(Exception, match="503"):
            await agent.use_model("TEXT_SMALL", {"prompt": "hi"})


RULES = """
from elizanet.errors import FailureClass, Verdict

def own(failure):
    said = str(failure.raised)
    if "ODD" in said:
        return "overloaded"
    if "EVEN" in said:
        return Verdict(FailureClass.OVERLOADED, fallback=False, retry_same_provider=False)
    return None
"""


async def test_an_own_rule_decides_what_falls_back(
    primary: Upstream, elizanet: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`hooks.classify` of elizanet.toml sees the failures of the agent's own provider too."""
    (tmp_path / "rules_of_this_test.py").write_text(RULES)
    configure('[hooks]\nclassify = "rules_of_this_test:own"\n')
    monkeypatch.syspath_prepend(tmp_path)
    async with running() as agent:
        primary.fail("status=400,message=ODD")
        assert await agent.use_model("TEXT_SMALL", {"prompt": "hi"}) == "elizanet answers: hi"
        primary.fail("status=503,message=EVEN")
        with pytest.raises(Exception, match="EVEN"):
            await agent.use_model("TEXT_SMALL", {"prompt": "hi"})


async def test_a_chain_of_several_fallbacks(primary: Upstream, elizanet: Upstream) -> None:
    """elizanet.toml names more providers; the plugin goes on to the next one."""
    primary.fail("status=503")
    elizanet.fail("status=503")
    async with Upstream(name="third") as third:
        configure(
            f'[providers.third]\nbase_url = "{third.base_url}"\n'
            '[models."*"]\nchain = ["elizanet/*", "third/llama"]\n'
        )
        async with running() as agent:
            assert await agent.use_model("TEXT_SMALL", {"prompt": "hi"}) == "third answers: hi"
            assert log_of(agent).said("trying third/llama", "warning")


async def test_the_openai_of_the_environment_is_not_asked_again(
    primary: Upstream, elizanet: Upstream
) -> None:
    """It is the agent's own provider, which has just failed."""
    primary.fail("status=503")
    elizanet.fail("status=503")
    async with running() as agent:
        with pytest.raises(Exception, match="503"):
            await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
    assert calls(primary) == 1


async def test_fifty_calls_at_once(primary: Upstream, elizanet: Upstream) -> None:
    """Each gets its own answer."""
    primary.fail("rate_limit")
    async with running() as agent:
        asked = [agent.use_model("TEXT_SMALL", {"prompt": f"question {n}"}) for n in range(50)]
        answers = await asyncio.gather(*asked)
    assert answers == [f"elizanet answers: question {n}" for n in range(50)]


async def test_a_call_inside_a_handler_falls_back_by_itself(elizanet: Upstream) -> None:
    """A handler that asks another model gets the fallback's answer for it."""

    async def down(_runtime: object, _params: object) -> str:
        raise ConnectionError("down")

    async def ask(runtime: IAgentRuntime, params: dict[str, Any]) -> str:
        return f"asked: {await runtime.use_model('TEXT_SMALL', params)}"

    own = Plugin(name="own", description="", models={"TEXT_SMALL": down, "TEXT_LARGE": ask})
    async with running(own, fallback) as agent:
        answer = await agent.use_model("TEXT_LARGE", {"prompt": "hi"})
    assert answer == "asked: elizanet answers: hi"


async def test_an_agent_replies_while_its_provider_is_down(
    primary: Upstream, elizanet: Upstream
) -> None:
    """The whole way: a message comes in, the model call fails, a reply goes out."""
    primary.fail("rate_limit")
    elizanet.script(reply_as_the_host_asks)
    async with running(check_should_respond=False) as agent:
        result = await agent.message_service.handle_message(agent, message_to(agent, "Are you up?"))
    assert result.did_respond
    assert result.response_content.text == "I am up."
    assert calls(primary) == 1
