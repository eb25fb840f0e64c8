"""curl, as in every provider's documentation."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from support.gateway_process import Gateway, Providers

pytestmark = pytest.mark.sdks

CHAT = '{"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}'


def curl(gateway: Gateway, path: str, *arguments: str) -> str:
    """Return what curl prints; it fails for an error status only with `--fail`."""
    key = f"Authorization: Bearer {gateway.key}"
    command = ["curl", "--silent", "--max-time", "20", gateway.base_url + path, "-H", key]
    return subprocess.run([*command, *arguments], capture_output=True, check=True, text=True).stdout


def test_a_chat_is_answered(gateway: Gateway) -> None:
    """The first example of every documentation."""
    told = curl(gateway, "/chat/completions", "-H", "Content-Type: application/json", "-d", CHAT)
    assert json.loads(told)["choices"][0]["message"]["content"] == "primary answers: hello"


def test_a_body_without_its_type_is_answered(gateway: Gateway) -> None:
    """curl calls a body a form unless it is told otherwise; people forget."""
    told = curl(gateway, "/chat/completions", "-d", CHAT)
    assert json.loads(told)["object"] == "chat.completion"


def test_a_stream_ends_with_done(gateway: Gateway) -> None:
    """`curl -N` sees the events of the provider, one by one."""
    told = curl(gateway, "/chat/completions", "-N", "-d", CHAT[:-1] + ', "stream": true}')
    events = [line for line in told.split("\n\n") if line]
    assert all(event.startswith("data: ") for event in events)
    assert events[-1] == "data: [DONE]"


def test_a_recording_is_written_down(
    gateway: Gateway, providers: Providers, tmp_path: Path
) -> None:
    """`curl -F` sends a form with a file."""
    recording = tmp_path / "speech.wav"
    recording.write_bytes(b"RIFF" + bytes(5000))
    form = ["-F", "model=whisper-1", "-F", f"file=@{recording}"]
    assert "primary" in json.loads(curl(gateway, "/audio/transcriptions", *form))["text"]
    assert providers.last_form().files["file"].content == recording.read_bytes()


def test_http_1_0_is_answered_and_closed(gateway: Gateway) -> None:
    """An old client gets its answer without chunks."""
    told = curl(gateway, "/models", "--http1.0", "--include")
    assert told.startswith("HTTP/1.1 200")
    assert "transfer-encoding" not in told.lower()


def test_an_upload_that_expects_100_continue_is_answered(gateway: Gateway) -> None:
    """curl asks before it sends a large body; the gateway says yes."""
    long = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 2000000}]})
    arguments = ["-H", "Expect: 100-continue", "--data-binary", "@-"]
    command = ["curl", "--silent", gateway.base_url + "/chat/completions", *arguments]
    command += ["-H", f"Authorization: Bearer {gateway.key}"]
    told = subprocess.run(command, input=long, capture_output=True, check=True, text=True).stdout
    assert json.loads(told)["object"] == "chat.completion"
