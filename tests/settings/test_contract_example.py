"""The example of the contract, read whole."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from elizanet.settings import (
    CallerLimits,
    CallerSettings,
    GatewaySettings,
    HealthSettings,
    HedgeSettings,
    HookSettings,
    Price,
    RateLimits,
    RecordSettings,
    RetrySettings,
    Secret,
    Settings,
    StreamSettings,
    TargetSettings,
    Timeouts,
)

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]

CONTRACT = """\
[gateway]
host = "127.0.0.1"
port = 8787
keys = ["env:ELIZANET_GATEWAY_KEY"]     # bearer keys of callers; none = open, and then only a loopback host is accepted
passthrough = "openai"                  # provider for /v1 paths that name no model (files, batches, ...); absent = 404
max_body = "20MiB"

[[gateway.callers]]                     # the long form of keys
alias = "team-a"
key = "env:TEAM_A_KEY"
models = ["gpt-4o*"]
limits = { rpm = 600, tpm = 2_000_000, concurrent = 50 }

[providers.openai]
base_url = "https://api.openai.com/v1"
api_key  = "env:OPENAI_API_KEY"         # env:NAME, file:PATH, or a literal (warned about); api_keys = [...] for several
headers  = { "OpenAI-Organization" = "env:OPENAI_ORG" }
paths    = { "images/generations" = "/custom/images" }   # own endpoint for one kind of request
limits   = { rpm = 3000, tpm = 1_000_000 }               # what we allow ourselves towards this provider
timeouts = { first_event = 60.0 }       # any of [timeouts]

[providers.elizanet]
base_url = "http://elizanet.up.railway.app"

[models."gpt-4o"]                       # the name a caller sends; a glob is allowed, the most specific match wins
chain = ["openai/gpt-4o", "elizanet/gpt-4o"]
# long form of a target: { target = "azure/gpt-4o", weight = 3, tier = 1, window = 128000, price = { input = 2.5, output = 10.0 } }
# price: US dollars a million tokens; window: tokens

[models."text-embedding-3-*"]
chain = ["openai/*", "elizanet/*"]      # * keeps the caller's name
allow_mixed_embeddings = false          # a chain across embedding spaces is refused unless true

[timeouts]                              # seconds; may be repeated under a provider or a model
total = 600.0                           # the whole call: retries, waits, fallbacks, and a stream until its first content
connect = 3.0
attempt = 300.0                         # a unary answer of one attempt, complete
first_event = 30.0                      # a stream's first content, of one attempt
stall = 20.0                            # silence inside a stream

[retry]
same_provider = 1                       # at most, within the budget; 0 = always move on at once
max_wait = 2.5                          # obey a retry-after of up to this long before moving on; 0 = move on at once

[hedge]
after = "auto"                          # streams: a late second attempt elsewhere while the first is still silent: "auto", seconds, or "off"

[stream]
on_break = "error"                      # after content was sent: "error" or "continue"
fold_unary = false                      # ask for a stream upstream also when the caller wants one answer, and fold it: a silent provider is noticed at first_event; costs byte fidelity of that answer
count_usage = false                     # ask providers for usage in streams and take it out again if the caller did not ask; else counted locally and marked estimated

[policy]
fall_back_on = ["rate_limit", "quota_exhausted", "overloaded", "timeout", "connection", "auth", "model_not_found", "context_window_exceeded", "payload_too_large", "malformed_response", "stream_interrupted", "unknown"]

[hooks]                                 # your own functions, "module:function"
classify = "my_rules:classify"          # also: transform_request, process_response, health

[records]
capture = "off"                         # prompts and answers: "off", "errors", "all"
keep_days = 30
max_size = "2GiB"

[health]
interval = 30.0                         # seconds between active checks; 0 = off
"""

KEYS = {"ELIZANET_GATEWAY_KEY": "g", "OPENAI_API_KEY": "k", "OPENAI_ORG": "org", "TEAM_A_KEY": "t"}


def test_the_example_of_the_contract_loads(load: Load) -> None:
    """Every value arrives where it belongs, and nothing is warned about."""
    settings = load(CONTRACT, environ=KEYS)
    assert settings.gateway == GatewaySettings(
        callers=(
            CallerSettings("key-1", Secret("g")),
            CallerSettings("team-a", Secret("t"), ("gpt-4o*",), CallerLimits(600, 2_000_000, 50)),
        ),
        passthrough="openai",
    )
    openai, elizanet = settings.providers["openai"], settings.providers["elizanet"]
    assert (openai.base_url, openai.api_keys) == ("https://api.openai.com/v1", (Secret("k"),))
    assert openai.headers == {"OpenAI-Organization": Secret("org")}
    assert openai.paths == {"images/generations": "/custom/images"}
    assert openai.timeouts == {"first_event": 60.0}
    assert openai.limits == RateLimits(3000, 1_000_000)
    assert elizanet.base_url == "http://elizanet.up.railway.app/v1"
    assert elizanet.timeouts == {"attempt": 30.0}
    exact, glob = settings.routes
    assert exact.targets == (
        TargetSettings("openai", "gpt-4o"),
        TargetSettings("elizanet", "gpt-4o"),
    )
    assert glob.targets == (TargetSettings("openai", "*"), TargetSettings("elizanet", "*"))
    assert settings.timeouts == Timeouts()
    assert settings.retry == RetrySettings()
    assert settings.hedge == HedgeSettings("auto")
    assert settings.stream == StreamSettings("error", fold_unary=False, count_usage=False)
    assert settings.policy == Settings(providers={}, routes=()).policy
    assert settings.hooks == HookSettings("my_rules:classify")
    assert settings.records == RecordSettings("off", keep_days=30, max_size=2 * 2**30)
    assert settings.health == HealthSettings(30.0)
    assert settings.warnings == ()


def test_the_long_form_of_a_target_in_the_contract_loads(load: Load) -> None:
    """As its comment writes it."""
    (target,) = re.findall(r"# long form of a target: (\{.*\})", CONTRACT)
    provider = '[providers.azure]\nbase_url = "https://azure.example"\n'
    settings = load(f"{provider}[models.m]\nchain = [{target}, 'azure/*']\n")
    assert settings.routes[0].targets[0] == TargetSettings(
        "azure", "gpt-4o", 128_000, Price(2.5, 10.0), weight=3, tier=1
    )


def test_settings_do_not_change(load: Load) -> None:
    """Neither the object nor what it holds."""
    settings = load(CONTRACT, environ=KEYS)
    with pytest.raises(AttributeError):
        settings.fallback_enabled = False  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.providers["openai"] = settings.providers["elizanet"]  # type: ignore[index]
    with pytest.raises(TypeError):
        settings.providers["openai"].headers["a"] = "b"  # type: ignore[index]
    hash(settings)


def test_loading_is_quick(load: Load) -> None:
    """The contract's example in well under 20 ms; the best of five on a busy machine."""
    load(CONTRACT, environ=KEYS)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        load(CONTRACT, environ=KEYS)
        best = min(best, time.perf_counter() - began)
    assert best < 0.02


def test_importing_the_settings_loads_no_network() -> None:
    """Reading settings is for every command, so it stays light."""
    heavy = {"asyncio", "ssl", "socket", "http", "msgspec", "difflib"}
    code = "import sys, elizanet.settings; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(done.stdout.split())
