"""From a call to a collector over a real socket, and from the environment to either."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from elizanet.library import Elizanet
from elizanet.model_types import ModelType
from elizanet.otel import from_environment
from elizanet.otel.exporting import CLOSING_S, Exporting
from elizanet.settings import ProviderSettings, RouteSettings, Settings, TargetSettings
from elizanet.testing import Upstream
from otel.conftest import attributes
from support.ended import attempt, ended

if TYPE_CHECKING:
    from otel.conftest import Collector

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
HERE = {ENDPOINT: "http://127.0.0.1:1"}


async def test_a_call_that_fell_back_reaches_the_collector(collector: Collector) -> None:
    """Spans with their parents, and metrics, as protobuf over HTTP."""
    exporting = Exporting(traces=True, metrics=True)
    async with Upstream("primary") as primary, Upstream("backup") as backup:
        primary.fail("status=503")
        settings = Settings(
            providers={u.name: ProviderSettings(u.name, u.base_url) for u in (primary, backup)},
            routes=(
                RouteSettings("*", tuple(TargetSettings(n, "*") for n in ("primary", "backup"))),
            ),
        )
        async with Elizanet(settings, sinks=(exporting.sink,)) as net:
            await net.use_model(ModelType.TEXT_SMALL, {"prompt": "Hello"})
    exporting.close()
    spans = collector.spans
    call = spans["chat gpt-4o-mini"]
    assert set(spans) == {
        "chat gpt-4o-mini",
        "attempt primary/gpt-4o-mini",
        "attempt backup/gpt-4o-mini",
    }
    assert not call.parent_span_id
    failed, answered = spans["attempt primary/gpt-4o-mini"], spans["attempt backup/gpt-4o-mini"]
    assert failed.parent_span_id == answered.parent_span_id == call.span_id
    assert attributes(failed.attributes)["error.type"] == "overloaded"
    assert attributes(failed.attributes)["server.address"] == "127.0.0.1"
    told = attributes(call.attributes)
    assert told["gen_ai.provider.name"] == "backup"
    assert told["elizanet.fallback.reason"] == "overloaded"
    assert int(str(told["gen_ai.usage.output_tokens"])) > 0
    assert collector.resource["service.name"] == "elizanet"
    assert collector.metric_names == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
    }


def test_the_environment_names_the_service(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for every program with OpenTelemetry."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "my-gateway")
    exporting = Exporting(traces=True, metrics=False)
    exporting.sink(ended(attempt()))
    exporting.close()
    assert collector.resource["service.name"] == "my-gateway"
    assert collector.metrics == []


def test_a_collector_that_is_down_holds_up_neither_calls_nor_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Spans are lost, and that is said by the SDK; no thread of it goes on trying."""
    monkeypatch.setenv(ENDPOINT, HERE[ENDPOINT])
    caplog.set_level(logging.CRITICAL, "opentelemetry")
    before = set(threading.enumerate())
    exporting = Exporting(traces=True, metrics=True)
    began = time.monotonic()
    for _ in range(5000):
        exporting.sink(ended(attempt()))
    assert time.monotonic() - began < 10
    began = time.monotonic()
    exporting.close()
    assert time.monotonic() - began < CLOSING_S + 2
    assert set(threading.enumerate()) <= before


def test_a_signal_is_sent_while_the_collector_of_the_other_is_down(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each has an endpoint of its own, if the environment says so."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces")
    caplog.set_level(logging.CRITICAL, "opentelemetry")
    exporting = Exporting(traces=True, metrics=True)
    exporting.sink(ended(attempt()))
    exporting.close()
    assert "gen_ai.client.operation.duration" in collector.metric_names


@pytest.mark.parametrize(
    ("environ", "signals"),
    [
        ({}, None),
        ({"OTEL_SERVICE_NAME": "gateway"}, None),
        (HERE, (True, True)),
        ({**HERE, "OTEL_SDK_DISABLED": "TRUE"}, None),
        ({**HERE, "OTEL_SDK_DISABLED": "false"}, (True, True)),
        ({**HERE, "OTEL_TRACES_EXPORTER": "none"}, (False, True)),
        ({**HERE, "OTEL_METRICS_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "none"}, None),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, (True, False)),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:1/v1/metrics"}, (False, True)),
    ],
)
def test_the_standard_variables_decide(
    environ: dict[str, str], signals: tuple[bool, bool] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint or an exporter asks for it; each signal can be left out."""
    made: list[tuple[bool, bool]] = []

    def kept(*, traces: bool, metrics: bool) -> None:
        made.append((traces, metrics))

    monkeypatch.setattr("elizanet.otel.exporting.Exporting", kept)
    from_environment(environ)
    assert made == ([] if signals is None else [signals])


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "only otlp and none"),
        ({**HERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_METRICS_EXPORTER": "none"},
         "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(
    environ: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once, by the variable's name."""
    monkeypatch.setattr("elizanet.otel.exporting.Exporting", lambda **_: None)
    from_environment(environ)
    (message,) = caplog.messages
    assert said in message


def test_whoever_asks_for_what_is_not_installed_is_told() -> None:
    """With the command that installs it; the gateway runs without."""
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from elizanet.otel import from_environment\n"
        f"assert from_environment({HERE!r}) is None"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stderr.startswith(
        f"the environment asks for OpenTelemetry ({ENDPOINT}), which is not installed (opentelemetry"
    )
    assert ended.stderr.endswith("): pip install 'elizanet[otel]'\n")


def test_off_costs_not_even_an_import() -> None:
    """The gateway of somebody who never asked for it has none of it in memory."""
    program = (
        "import sys, elizanet.cli.serve; from elizanet.otel import from_environment\n"
        "assert from_environment({}) is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "[]\n"
