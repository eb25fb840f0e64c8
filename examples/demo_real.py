"""A real language model, behind a real LiteLLM, answers after real failures.

    make demo-real

Everything runs on this machine, without a network and without a key: SmolLM2-135M in
llama.cpp's server, LiteLLM in front of it, and before both a provider that fails. The lines
after `$` are what is run, in a folder with the files shown. Ends with exit code 0 if each of
them did what it should.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from codecs import getincrementaldecoder
from collections.abc import Mapping
from pathlib import Path
from threading import Timer

from demo_real_servers import ROOT, WINDOWS, Servers, running, stop

COMMAND_WITHIN_S = 300.0
CONFIGURATION = """\
[providers.primary]                    # 503 to everything
base_url = "{primary}"

[providers.litellm]                    # the real model
base_url = "{litellm}"
api_key = "env:LITELLM_KEY"

[models."gpt-4o*"]
chain = ["primary/gpt-4o", "litellm/smollm2"]

[models.short]                         # nobody in it can read much
chain = [
    {{ target = "litellm/smollm2", window = {small} }},
    {{ target = "primary/gpt-4o", window = {small} }},
]

[models.long]                          # the second one can
chain = [
    {{ target = "litellm/smollm2", window = {small} }},
    {{ target = "litellm/smollm2-long", window = {large} }},
]
"""


class Demo:
    """Runs commands before the reader's eyes, and judges what they did."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"
        self._folder = folder
        self._environment = {"PATH": path, "HOME": str(folder), **variables}
        self.commands = 0
        self.failed = 0

    def __repr__(self) -> str:
        return f"<Demo {self.commands} commands, {self.failed} failed>"

    def run(self, line: str, *expected: str, code: int = 0) -> None:
        """Run a command; it should end with that exit code and say all that is expected."""
        self.commands += 1
        print(f"$ {line}", flush=True)
        began = time.monotonic()
        process = self._start(line)
        limit = Timer(COMMAND_WITHIN_S, stop, [process])
        limit.start()
        try:
            said, first = relay(process)
            notes = without_colour(process.stderr.read().decode() if process.stderr else "")
            process.wait()
        finally:
            limit.cancel()
            stop(process)
        for note in notes.splitlines():
            print(textwrap.fill(note, 100, subsequent_indent="    "))
        begun = f"first word after {first - began:.1f} s, " if said else ""
        print(f"({begun}end after {time.monotonic() - began:.1f} s)")
        missing = [text for text in expected if text not in said + notes]
        if process.returncode != code:
            missing.append(f"exit code {code} (it was {process.returncode})")
        self.failed += bool(missing)
        print(f"NOT AS IT SHOULD BE, this is missing: {', '.join(missing)}\n" if missing else "")

    def _start(self, line: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["sh", "-c", line],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


def relay(process: subprocess.Popen[bytes]) -> tuple[str, float]:
    """Print the output of a process as it comes; return it, and when it began."""
    first, said = 0.0, ""
    decoder = getincrementaldecoder("utf-8")("replace")
    while process.stdout and (chunk := os.read(process.stdout.fileno(), 4096)):
        first = first or time.monotonic()
        piece = without_colour(decoder.decode(chunk))
        print(piece, end="", flush=True)
        said += piece
    return said, first


def without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def main() -> int:
    """Start the servers, show each step, and tell how it went."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended
    with tempfile.TemporaryDirectory() as name, running(folder := Path(name)) as servers:
        small, large = WINDOWS.values()
        toml = CONFIGURATION.format(
            primary=servers.primary, litellm=servers.litellm, small=small, large=large
        )
        (folder / "elizanet.toml").write_text(toml, encoding="utf-8")
        text = (ROOT / "README.md").read_text(encoding="utf-8")[:4000]
        (folder / "long.txt").write_text(f"{text}\n\nWhat is this text about?", encoding="utf-8")
        shutil.copy(ROOT / "examples" / "demo_real_agent.py", folder)
        print(f"\nelizanet.toml:\n\n{textwrap.indent(toml, '    ')}")
        demo = Demo(folder, variables(servers))
        show(demo, servers)
    print(f"{demo.commands - demo.failed} of {demo.commands} commands did what they should.")
    return 1 if demo.failed else 0


def show(demo: Demo, servers: Servers) -> None:
    """Run every command of the demonstration."""
    ask = 'elizanet chat --model gpt-4o --explain "Why is the sky blue?"'
    print("1. The primary is overloaded: the answer of the real model is streamed.\n")
    demo.run(ask, "primary/gpt-4o 503 overloaded", "litellm/smollm2 200 answered")

    print("2. The primary is gone altogether.\n")
    stop(servers.processes["primary"])
    demo.run(ask, "primary/gpt-4o connection", "litellm/smollm2 200 answered")

    print(f"3. Too long for the model ({WINDOWS['smollm2']} tokens), and nobody has more room:")
    print("   the second target is not bothered, and the caller is told.\n")
    whole = "elizanet chat --no-stream --explain"
    exceeded = "litellm/smollm2 400 context_window_exceeded"
    demo.run(f"{whole} --model short - < long.txt", exceeded, "no answer", code=1)

    print(f"4. The same, with a target behind it that has room ({WINDOWS['smollm2-long']}).\n")
    demo.run(f"{whole} --model long - < long.txt", exceeded, "litellm/smollm2-long 200 answered")

    print("5. The same as a stream. Here llama.cpp says 200 and then nothing, and LiteLLM makes")
    print("   a finished, empty answer of it: that is no answer either.\n")
    demo.run(
        "elizanet chat --explain --model long - < long.txt",
        "litellm/smollm2 200 malformed_response",
        "litellm/smollm2-long 200 answered",
    )

    print("6. An elizaOS agent whose own provider, that of the openai plugin, is gone: the plugin")
    print("   answers for it with the chain of elizanet.toml.\n")
    demo.run("python demo_real_agent.py", "event: TEXT_SMALL", "event: TEXT_LARGE")


def variables(servers: Servers) -> Mapping[str, str]:
    """Return what the commands find in their environment."""
    return {
        "LITELLM_KEY": servers.litellm_key,
        "OPENAI_API_KEY": "sk-of-a-server-on-this-machine",
        "OPENAI_BASE_URL": f"{servers.primary}/v1",
        "ELIZANET_BASE_URL": servers.litellm,
        "ELIZANET_API_KEY": servers.litellm_key,
        "LOG_LEVEL": "WARNING",
    }


if __name__ == "__main__":
    sys.exit(main())
