"""How the plugin enters a runtime, runs beside others, and leaves."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import weakref
from typing import Any

import pytest
from elizaos import AgentRuntime, Character, Plugin
from elizaos.plugin import load_plugin

import elizaos_plugin_elizanet_fallback as package
from elizanet.testing import Upstream
from elizaos_plugin_elizanet_fallback import get_elizanet_fallback_plugin
from elizaos_plugin_elizanet_fallback import plugin as fallback
from support.agents import (
    bodies,
    calls,
    close_openai,
    configure,
    log_of,
    openai_plugin,
    pieces,
    running,
)

SPECIFIED = (
    *("TEXT_SMALL", "TEXT_LARGE", "TEXT_EMBEDDING", "IMAGE", "OBJECT_SMALL", "OBJECT_LARGE"),
    *("TEXT_TOKENIZER_ENCODE", "TEXT_TOKENIZER_DECODE"),
)


def test_the_plugin_is_what_was_specified() -> None:
    """Name, description, priority, model types, streams, settings, tests."""
    assert isinstance(fallback, Plugin)
    assert fallback.name == "elizanet-fallback"
    assert fallback.description == (
        "ElizaNet LiteLLM fallback plugin for rate limiting and network errors"
    )
    assert fallback.priority == -1
    assert fallback.models is not None
    assert set(SPECIFIED) <= set(fallback.models)
    assert {type(key) for key in fallback.models} == {str}
    assert fallback.streaming_models is not None
    assert set(fallback.streaming_models) == {"TEXT_SMALL_STREAM", "TEXT_LARGE_STREAM"}
    assert fallback.config is not None
    assert {"ELIZANET_BASE_URL", "ELIZANET_API_KEY", "ELIZANET_EMBEDDING_DIMENSIONS"} <= set(
        fallback.config
    )
    assert not any(name.startswith("OPENAI") for name in fallback.config)


def test_every_way_to_the_plugin_leads_to_the_same_object() -> None:
    """The host loads it by the name of its module."""
    assert load_plugin("elizaos_plugin_elizanet_fallback") is fallback
    assert get_elizanet_fallback_plugin() is fallback
    assert sorted(package.__all__) == dir(package)
    with pytest.raises(AttributeError, match="other"):
        _ = package.other


def test_without_elizaos_the_reason_is_told() -> None:
    """In one sentence that says what to install; importing the package alone still works."""
    code = (
        "import sys; sys.modules['elizaos'] = None\n"
        "import elizaos_plugin_elizanet_fallback as p; print(p.__version__)\n"
        "p.plugin"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip()
    assert done.stderr.rstrip().splitlines()[-1] == (
        "ImportError: elizaos_plugin_elizanet_fallback works inside elizaOS, and `elizaos` is not"
        " installed: pip install 'elizanet[elizaos]'"
    )


async def test_its_own_test_suite_passes(elizanet: Upstream) -> None:
    """Connection, text, embedding, image, tokenizer and object, against a working ElizaNet."""
    (suite,) = fallback.tests or []
    assert suite.name == "elizanet_fallback_plugin_tests"
    names = ["connection", "text_generation", "embedding", "image", "tokenizer", "object"]
    assert [case.name for case in suite.tests] == [f"elizanet_test_{name}" for name in names]
    async with running(fallback) as agent:
        for case in suite.tests:
            await case.fn(agent)
        elizanet.fail("status=503,retry-after=0")
        for case in suite.tests:
            if case.name != "elizanet_test_tokenizer":
                with pytest.raises(Exception, match=r"no |overloaded"):
                    await case.fn(agent)


async def test_registered_twice_it_works_once(primary: Upstream, elizanet: Upstream) -> None:
    """One wrapper, one handler, one service."""
    primary.fail("status=503")
    async with running(openai_plugin(), fallback, fallback) as agent:
        assert await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
        assert len(agent.get_services_by_type("elizanet-fallback")) == 1
        handlers = vars(agent)["_models"]["TEXT_SMALL"]
        assert [(h.provider, h.priority) for h in handlers] == [
            ("openai", 0),
            ("elizanet-fallback", -1),
        ]
    assert calls(elizanet) == 1


async def test_a_provider_that_comes_later_is_answered_for(
    primary: Upstream, elizanet: Upstream
) -> None:
    """Plugins may be registered while an agent runs."""
    primary.fail("status=503")
    openai = openai_plugin()
    async with running(fallback) as agent:
        await agent.register_plugin(openai)
        assert await agent.use_model("TEXT_SMALL", {"prompt": "hi"}) == "elizanet answers: hi"
        assert log_of(agent).said("Attempting fallback")
        primary.heal()
        assert await agent.use_model("TEXT_SMALL", {"prompt": "hi"}) == "primary answers: hi"
    await close_openai(openai)
    assert calls(primary) == 2


async def test_disabled_it_registers_nothing_and_says_so_once(
    primary: Upstream, elizanet: Upstream
) -> None:
    """The agent is what it would be without the plugin."""
    primary.fail("status=503")
    settings = {"ELIZANET_FALLBACK_ENABLED": "false"}
    async with running(openai_plugin(), fallback, fallback, settings=settings) as agent:
        with pytest.raises(Exception, match="503"):
            await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
        assert not agent.has_model("IMAGE")
        assert not agent.has_service("elizanet-fallback")
        assert len(log_of(agent).said("fallback is disabled", "info")) == 1
    assert elizanet.requests == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [("ELIZANET_TIMEOUT", "soon"), ("ELIZANET_BASE_URL", "::"), ("ELIZANET_MODELS", "TEXT_HUGE")],
)
async def test_a_wrong_setting_never_stops_the_agent(
    setting: str, value: str, primary: Upstream, elizanet: Upstream
) -> None:
    """It runs without its fallback, and the log says what is wrong."""
    async with running(settings={setting: value}) as agent:
        assert await agent.use_model("TEXT_SMALL", {"prompt": "hi"}) == "primary answers: hi"
        assert not agent.has_model("IMAGE")
        (line,) = log_of(agent).said("[ElizaNet] The fallback is off: ", "error")
        assert setting in line


async def test_a_hook_that_cannot_be_loaded_never_stops_the_agent(
    primary: Upstream, elizanet: Upstream
) -> None:
    """Nor does any other fault in what the plugin does first."""
    configure('[hooks]\nclassify = "no_such_module:rule"\n')
    async with running() as agent:
        assert log_of(agent).said("The fallback is off: hooks.classify", "error")
    configure("[[[")
    async with running() as agent:
        assert log_of(agent).said("The fallback is off", "error")


async def test_a_host_that_fails_the_plugin_is_not_failed_by_it(
    primary: Upstream, elizanet: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong while the plugin enters, the agent starts."""

    async def register_service(_runtime: object, _service: object) -> None:
        raise RuntimeError("no services today")

    monkeypatch.setattr(AgentRuntime, "register_service", register_service)
    monkeypatch.setattr("elizaos.bootstrap.bootstrap_plugin.services", None)
    async with running() as agent:
        assert log_of(agent).said("The fallback is off: RuntimeError: no services today", "error")
        assert await agent.use_model("TEXT_SMALL", {"prompt": "hi"}) == "primary answers: hi"


async def test_a_misspelt_setting_of_a_character_is_warned_about(elizanet: Upstream) -> None:
    """It would else be ignored, as every name that nobody knows."""
    character = Character(name="Ada", settings={"extra": {"elizaNetUrl": "https://x.example"}})
    async with running(fallback, character=character) as agent:
        assert log_of(agent).said("[ElizaNet] elizaNetUrl is not a setting", "warning")


async def test_a_health_check_is_made_beside_everything_else(elizanet: Upstream) -> None:
    """It says what it found, and nothing waits for it."""
    async with running(fallback) as agent:
        await elizanet.wait_received()
        async with asyncio.timeout(2):
            while not log_of(agent).said("Connected to elizanet", "info"):
                await asyncio.sleep(0.01)
    elizanet.fail("status=503")
    async with running(fallback) as agent:
        async with asyncio.timeout(2):
            while not log_of(agent).said("Health check failed: elizanet", "warning"):
                await asyncio.sleep(0.01)


async def test_a_silent_provider_does_not_delay_the_agent(elizanet: Upstream) -> None:
    """Neither its start nor its end."""
    elizanet.fail("hang")
    began = asyncio.get_running_loop().time()
    async with running(fallback):
        await elizanet.wait_received()
    assert asyncio.get_running_loop().time() - began < 2
    await elizanet.wait_closed_by_peer()


async def test_stopping_closes_everything(primary: Upstream, elizanet: Upstream) -> None:
    """Connections, tasks, and the wrapper round the runtime's methods."""
    primary.fail("status=503")
    tasks = asyncio.all_tasks()
    async with running() as agent:
        await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
        assert elizanet.connections_open == 1
        wrapped = agent.use_model
        await agent.stop()
        await elizanet.wait_closed_by_peer()
        ours = [task for task in asyncio.all_tasks() - tasks if "elizanet_fallback" in repr(task)]
        assert ours == []
        assert agent.use_model != wrapped
        with pytest.raises(Exception, match="503"):
            await wrapped("TEXT_SMALL", {"prompt": "hi"})
    assert calls(elizanet) == 1


async def test_two_agents_are_independent(elizanet: Upstream) -> None:
    """Each has its own settings and connections, and stops alone."""
    async with Upstream(name="other") as other:
        settings = {"ELIZANET_BASE_URL": other.base_url}
        async with running(fallback) as first:
            async with running(fallback, settings=settings) as second:
                assert await second.use_model("TEXT_SMALL", {"prompt": "hi"}) == "other answers: hi"
                answer = await first.use_model("TEXT_SMALL", {"prompt": "hi"})
                assert answer == "elizanet answers: hi"
            assert await first.use_model("TEXT_SMALL", {"prompt": "hi"})
    assert calls(other) == 1


async def test_a_stopped_agent_is_forgotten(elizanet: Upstream) -> None:
    """Nothing in the plugin keeps a runtime alive."""
    async with running(fallback) as agent:
        await agent.use_model("TEXT_SMALL", {"prompt": "hi"})
        gone = weakref.ref(agent)
    del agent
    gc.collect()
    assert gone() is None


async def test_other_wrappers_stack(primary: Upstream, elizanet: Upstream) -> None:
    """Another plugin may wrap the same methods, before and after."""
    primary.fail("status=503")
    seen: list[str] = []

    def wrapping(name: str) -> Plugin:
        async def init(_config: object, runtime: Any) -> None:
            original, stream = runtime.use_model, runtime.use_model_stream

            async def use_model(*args: Any, **kwargs: Any) -> object:
                seen.append(name)
                return await original(*args, **kwargs)

            class Plain:
                """An iterator that is no generator."""

                def __init__(self, *args: Any, **kwargs: Any) -> None:
                    self.inner = stream(*args, **kwargs)

                def __aiter__(self) -> Plain:
                    return self

                async def __anext__(self) -> str:
                    return str(await anext(self.inner))

            runtime.use_model, runtime.use_model_stream = use_model, Plain

        return Plugin(name=name, description="", init=init)

    async with running(wrapping("before"), openai_plugin(), fallback, wrapping("after")) as agent:
        assert await agent.use_model("TEXT_SMALL", {"prompt": "hi"}) == "elizanet answers: hi"
        text = await pieces(agent.use_model_stream("TEXT_SMALL_STREAM", {"prompt": "hi"}))
        assert "".join(text) == "elizanet answers: hi"
    assert seen == ["after", "before", "before"]


async def test_an_agent_that_starts_again_has_its_fallback_again(
    primary: Upstream, elizanet: Upstream
) -> None:
    """Stop and initialize: the plugin enters anew."""
    primary.fail("status=503")
    async with running() as agent:
        await agent.stop()
        await agent.initialize()
        assert await agent.use_model("TEXT_SMALL", {"prompt": "hi"}) == "elizanet answers: hi"
    assert len(bodies(elizanet)) == 1


def test_two_agents_in_two_loops() -> None:
    """Nothing of the plugin belongs to the loop it was first used in."""

    async def ask() -> object:
        async with Upstream(name="elizanet") as elizanet:
            settings = {"ELIZANET_BASE_URL": elizanet.base_url}
            async with running(fallback, settings=settings) as agent:
                return await agent.use_model("TEXT_SMALL", {"prompt": "hi"})

    assert asyncio.run(ask()) == asyncio.run(ask()) == "elizanet answers: hi"


async def test_a_runtime_that_the_plugin_never_saw_is_untouched(
    primary: Upstream, elizanet: Upstream
) -> None:
    """A second agent without the plugin fails as before."""
    primary.fail("status=503")
    async with running(), running(openai_plugin()) as bare:
        assert "use_model" not in vars(bare)
        with pytest.raises(Exception, match="503"):
            await bare.use_model("TEXT_SMALL", {"prompt": "hi"})


def test_a_runtime_is_not_needed_to_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the plugin neither makes an agent nor reads a setting."""
    monkeypatch.setenv("ELIZANET_TIMEOUT", "soon")
    assert AgentRuntime(Character(name="A"), plugins=[get_elizanet_fallback_plugin()])
