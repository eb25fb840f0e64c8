"""`/metrics`: what a scraper is told, and who may ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from prometheus_client.core import Metric
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families as plain

from elizanet.settings import CallerLimits, CallerSettings, Price, Secret, TargetSettings
from elizanet.testing import Upstream

if TYPE_CHECKING:
    from gateway.conftest import Running, Serve

CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true}'
HERE = "Host: localhost"
OF_THE_CHAIN = {"chain": "gpt-4o", "operation": "chat/completions"}

Parse = Callable[[str], Iterable[Metric]]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(gateway: Running, *headers: str) -> Samples:
    """Return every sample of a scrape by name and labels."""
    heard = await gateway.get("/metrics", *(headers or (HERE,)))
    assert heard.status == 200, heard.body
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in plain(heard.body.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    """Return the sum of the samples that have at least these labels, None without any."""
    wanted = {(key.rstrip("_"), text) for key, text in labels.items()}
    found = [v for (n, given), v in samples.items() if n == f"elizanet_{name}" and wanted <= given]
    return sum(found) if found else None


async def test_a_fallback_is_told_with_its_reason_and_both_its_ends(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """Also when it is a stream; the call itself counts as answered."""
    primary.fail("status=503")
    async with serve(primary, backup) as gateway:
        await gateway.ask()
        await gateway.ask("/v1/chat/completions", STREAM)
        await gateway.settle()
        told = await scraped(gateway)
    assert value(told, "calls_total", chain="gpt-4o", outcome="answered") == 2
    assert value(told, "calls_total", outcome="failed") is None
    assert (
        value(
            told,
            "fallbacks_total",
            chain="gpt-4o",
            failure_class="overloaded",
            from_target="primary/gpt-4o",
            to_target="backup/gpt-4o",
        )
        == 2
    )
    assert value(told, "attempts_total", provider="primary", outcome="overloaded") == 2
    assert value(told, "attempts_total", provider="backup", outcome="answered", role="next") == 2
    assert value(told, "call_duration_seconds_count", stream="true") == 1
    assert value(told, "call_first_content_seconds_count") == 1
    assert value(told, "attempt_duration_seconds_count", provider="primary", outcome="failed") == 2


async def test_tokens_are_counted_and_paid_for(serve: Serve, primary: Upstream) -> None:
    """As the provider counts them, at the price of the chain's target, by target and by caller."""
    async with serve(primary, keys=["operator-key"]) as gateway:
        settings = gateway.app.settings
        route = settings.routes[0]
        priced = replace(route, targets=(TargetSettings("primary", "*", price=Price(2.0, 4.0)),))
        gateway.app.reload(replace(settings, routes=(priced,)))
        answer = await gateway.ask("/v1/chat/completions", CHAT, "api-key: operator-key")
        usage = answer.json["usage"]
        await gateway.settle()
        told = await scraped(gateway, "Authorization: Bearer operator-key")
    asked, answered = usage["prompt_tokens"], usage["completion_tokens"]
    assert value(told, "tokens_total", direction="input", estimated="false") == asked
    assert value(told, "tokens_total", direction="output", provider="primary") == answered
    assert value(told, "caller_tokens_total", caller="key-1", direction="output") == answered
    dollars = (2.0 * asked + 4.0 * answered) / 1e6
    for name in ("cost_usd_total", "caller_cost_usd_total"):
        paid = value(told, name)
        assert paid is not None
        assert abs(paid - dollars) < 1e-12


async def test_numbers_outlive_a_reload_and_callers_come_and_go(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """A counter that went back to zero would read as a restart."""
    async with serve(primary, backup) as gateway:
        await gateway.ask()
        gateway.app.reload(gateway.app.settings)
        await gateway.ask()
        await gateway.settle()
        told = await scraped(gateway)
    assert value(told, "calls_total", **OF_THE_CHAIN) == 2
    assert value(told, "target_state", provider="primary", state="closed") == 1


async def test_states_are_those_of_the_moment(
    serve: Serve, primary: Upstream, backup: Upstream
) -> None:
    """Each target is in exactly one state; whose breaker is held says so."""
    async with serve(primary, backup) as gateway:
        await gateway.ask()
        order = b'{"target":"primary/gpt-4o","state":"open"}'
        await gateway.ask("/status/breakers", order, HERE)
        await gateway.ask()
        await gateway.settle()
        told = await scraped(gateway)
    assert value(told, "target_state", provider="primary") == 1
    assert value(told, "target_state", provider="primary", state="open") == 1
    assert value(told, "target_forced", provider="primary") == 1
    assert value(told, "target_state", provider="backup", state="closed") == 1
    assert value(told, "passed_over_total", provider="primary", reason="breaker_open") == 1
    assert value(told, "fallbacks_total", from_target="primary/gpt-4o") == 1
    assert value(told, "target_in_flight") == 0
    assert (value(told, "provider_retry_budget", provider="backup") or 0) > 0


async def test_who_is_shed_and_who_is_refused_is_counted(serve: Serve, primary: Upstream) -> None:
    """By status and code; a scrape is answered however full the gateway is."""
    primary.fail("hang")
    async with serve(primary, max_in_flight=1) as gateway:
        connection = await gateway.connect()
        connection.send(gateway.request("/v1/chat/completions", CHAT))
        async with asyncio.timeout(5):
            while gateway.app.admission.in_flight < 1:
                await asyncio.sleep(0.005)
        assert (await gateway.ask()).status == 503
        told = await scraped(gateway)
        assert value(told, "gateway_in_flight") == value(told, "gateway_in_flight_limit") == 1
        connection.leave()
        await gateway.settle()
        unknown = CHAT.replace(b"gpt-4o", b"gpt-9")
        assert (await gateway.ask("/v1/chat/completions", unknown)).status == 404
        told = await scraped(gateway)
    assert value(told, "gateway_refusals_total", status="503", code="overloaded") == 1
    assert value(told, "gateway_refusals_total", status="404", code="model_not_found") == 1
    assert value(told, "calls_total", outcome="left") == 1
    assert value(told, "gateway_faults_total") == 0


async def test_what_is_passed_on_is_counted_by_what_came_back(
    serve: Serve, primary: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    """Of those that nobody answered the log tells, too; a query stays out of it."""
    caplog.set_level(logging.INFO, "elizanet.gateway")
    async with serve(primary, passthrough="primary") as gateway:
        assert (await gateway.get("/v1/files/file-primary-1-3/content")).status == 200
        for fault in ("status=404", "status=503", "reset"):
            primary.fail(fault)
            assert (await gateway.get("/v1/files/file-1?after=private")).status >= 400
        told = await scraped(gateway)
    counts = {
        status: value(told, "gateway_passthrough_total", provider="primary", status=status)
        for status in ("200", "404", "503", "")
    }
    assert counts == {"200": 1, "404": 1, "503": 1, "": 1}
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert all("GET /v1/files/file-1 was not answered: " in line for line in lines)


async def test_metrics_are_for_operators(serve: Serve, primary: Upstream) -> None:
    """As the status is: a bearer token without limits, and no page of another site."""
    team = CallerSettings("team-a", Secret("team-a-key"), (), CallerLimits(rpm=5))
    async with serve(primary, keys=["operator-key"], callers=[team]) as gateway:
        for key, status in (("operator-key", 200), ("team-a-key", 403), ("wrong", 401)):
            heard = await gateway.get("/metrics", f"Authorization: Bearer {key}")
            assert (key, heard.status) == (key, status)
    async with serve(primary) as gateway:
        assert (await gateway.get("/metrics", "Host: rebound.example")).status == 403
        assert (await gateway.ask("/metrics", b"{}", HERE)).header("allow") == "GET, HEAD"


async def test_a_scraper_gets_the_format_it_asks_for(serve: Serve, primary: Upstream) -> None:
    """OpenMetrics by the Accept header, also by one that lists several; else the plain text."""
    accepts = "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4"
    async with serve(primary) as gateway:
        await gateway.ask()
        await gateway.settle()
        modern = await gateway.get("/metrics", HERE, accepts)
        usual = await gateway.get("/metrics", HERE)
    assert (modern.header("content-type") or "").startswith("application/openmetrics-text")
    assert modern.body.endswith(b"# EOF\n")
    openmetrics: Parse = parser.text_string_to_metric_families
    names = {family.name for family in openmetrics(modern.body.decode())}
    assert "elizanet_calls" in names
    assert (usual.header("content-type") or "").startswith("text/plain; version=0.0.4")
    assert usual.header("cache-control") == "no-store"
    assert {"process_resident_memory_bytes", "process_open_fds", "elizanet_build_info"} <= {
        family.name for family in plain(usual.body.decode())
    }


async def test_endless_model_names_are_one_series(serve: Serve, primary: Upstream) -> None:
    """A caller's invented name is no label, and the names of real ones stay."""
    async with serve(primary, model="*") as gateway:
        await gateway.ask()
        primary.fail("model_not_found")
        for number in range(5):
            invented = CHAT.replace(b"gpt-4o", b"invented-%d" % number)
            assert (await gateway.ask("/v1/chat/completions", invented)).status == 404
        await gateway.settle()
        told = await scraped(gateway)
    assert value(told, "attempts_total", provider="primary", model="gpt-4o") == 1
    assert value(told, "attempts_total", provider="primary", model="other") == 5
    assert not [labels for _, labels in told if any("invented" in text for _, text in labels)]
