"""Break streams anywhere, go on elsewhere, and see whether the caller reads one whole answer.

    python -m benchmarks.broken_streams                # 100,000 streams, about two minutes
    python -m benchmarks.broken_streams 5000 --seed 7

Every stream is a text in pieces that is cut somewhere after its first content. The second one
is what targets do with the call that `Transcript` makes: they go on exactly, repeat the last
words, or begin anew, with the same text, another one, or a shorter one. Each is put together
by `Seam` and read as a caller would. Three ends are possible, and only the third is wrong:

    whole    the text as the first target would have told it, every character once, under one
             id, with one start, one finish reason, one usage and one `[DONE]`
    honest   `SeamError`: the caller gets an error where the answer stops
    wrong    anything else

A target may also ignore what was said and give an answer of its own. That cannot always be
told from one that goes on; the last line says how often it is, and is not in the sum.

`broken_streams` counts them for `make sim-report`.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.broken_texts import prose_of, text_of

from elizanet.call import Call, Event, EventKind
from elizanet.continuation import Seam, SeamError, Transcript
from elizanet.operation import Operation

PREFILLED = ("goes on", "repeats the last words", "begins anew", "begins anew and differs",
             "begins anew and stops short")  # fmt: skip
RESTARTED = ("restarts", "restarts and differs", "restarts and stops short")
OWN = "gives an answer of its own (prose)"
KINDS = (*PREFILLED, *RESTARTED, OWN)

TELLING = 64
"""Characters after which a new answer can be told from one that goes on."""
_TOLD_LATE = {"begins anew and differs", "begins anew and stops short"}

CALL = Call(
    id="req_1",
    operation=Operation.CHAT,
    model="m",
    body=b'{"model":"m","stream":true,"messages":[{"role":"user","content":"go"}]}',
    deadline=0.0,
    stream=True,
)


@dataclass(slots=True)
class Counts:
    """How many streams ended how, by what the second target did; `examples` of wrong ones."""

    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def total(self, end: str) -> int:
        """Return how many streams ended so, those with an answer of its own left out."""
        ends = self.ends.items()
        return sum(count for (kind, each), count in ends if each == end and kind != OWN)


def broken_streams(count: int, seed: int) -> Counts:
    """Break so many streams, and count how they ended. Same seed, same counts."""
    chance = random.Random(seed)
    counts = Counts()
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        text = text_of(chance) if kind != OWN else prose_of(chance)
        while kind in _TOLD_LATE and len(text) < 3 * TELLING:
            text += " " + text_of(chance)
        first = len(text) - len(text.lstrip()) + 1  # a break before the first content is no break
        least = 2 * TELLING if kind in _TOLD_LATE else first
        cut = chance.randrange(min(least, len(text) - 1), len(text))
        end, told = _ended(kind, text, cut, chance)
        counts.ends[kind, end] += 1
        if end == "wrong" and kind != OWN and len(counts.examples) < 5:
            counts.examples.append(f"{kind}: {text[:cut]!r} + {told!r}")
    return counts


def _ended(kind: str, text: str, cut: int, chance: random.Random) -> tuple[str, str]:
    """Break one stream and say how it ended; the text that the second target told, too."""
    transcript = Transcript(CALL)
    given = list(_events(text[:cut], "first", chance))
    for event in given:
        transcript.take(event)
    if not transcript.continuable:
        return "wrong", "not continuable"
    restarted = kind in RESTARTED
    told, whole = _second(kind, text, cut, transcript, chance)
    seam = Seam(transcript, restarted=restarted)
    try:
        for event in [*_events(told, "second", chance), *_ending(chance)]:
            given += seam.take(event)
        given += seam.finish()
    except SeamError:
        return "honest", told
    return ("whole" if _reads_as(given, whole) else "wrong"), told


def _second(
    kind: str, text: str, cut: int, transcript: Transcript, chance: random.Random
) -> tuple[str, str | None]:
    """Return what the second target says, and what the caller has to read then."""
    said = text[:cut]
    last = json.loads(transcript.prefilled(CALL).body)["messages"][-1]
    shown = last["content"] if last["role"] == "assistant" else ""
    if kind == OWN:
        return prose_of(chance), None
    if kind == "goes on":
        return text[len(shown) :], text
    if kind == "repeats the last words":
        repeated = chance.choice((chance.randrange(4, TELLING), chance.randrange(TELLING, 400)))
        return text[max(0, len(shown) - repeated) :], text
    if kind.endswith("differs"):
        at = chance.randrange(TELLING if kind in _TOLD_LATE else 0, cut)
        return said[:at] + ("#" if said[at : at + 1] != "#" else "%") + text[at + 1 :], None
    if kind.endswith("short"):
        return text[: chance.randrange(TELLING if kind in _TOLD_LATE else 0, cut)], None
    return text, text


def _events(text: str, source: str, chance: random.Random) -> Iterator[Event]:
    """Yield a text as some provider streams it, without an end."""
    ascii_only = chance.random() < 0.5
    says_role_always = chance.random() < 0.1
    yield _event(source, {"role": "assistant", "content": ""}, kind=EventKind.PREAMBLE)
    for piece in _pieces(text, chance, halves=ascii_only):
        if chance.random() < 0.05:
            yield Event(b": keep-alive\n\n", b"", EventKind.PREAMBLE)
        role = {"role": "assistant"} if says_role_always else {}
        yield _event(source, {**role, "content": piece}, ascii_only=ascii_only)


def _ending(chance: random.Random) -> Iterator[Event]:
    yield _event("second", {}, finish="stop", kind=EventKind.END)
    if chance.random() < 0.5:
        yield _event("second", None, usage={"completion_tokens": 3}, kind=EventKind.END)
    if chance.random() < 0.8:
        yield Event(b"data: [DONE]\n\n", b"[DONE]", EventKind.END)


def _pieces(text: str, chance: random.Random, *, halves: bool) -> Iterator[str]:
    """Cut a text anywhere, now and then between the halves of a surrogate pair."""
    units = text.encode("utf-16-le")
    longest = chance.choice((2, 8, 30, 400))
    start = 0
    while start < len(units):
        end = start + 2 * chance.randrange(1, longest + 1)
        if not halves and b"\xd8" <= units[end - 1 : end] <= b"\xdb\xff":
            end += 2
        yield units[start:end].decode("utf-16-le", "surrogatepass")
        start = end


def _event(
    source: str,
    delta: dict[str, str] | None,
    *,
    finish: str | None = None,
    usage: dict[str, int] | None = None,
    kind: EventKind = EventKind.CONTENT,
    ascii_only: bool = True,
) -> Event:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    chunk = {"id": source, "created": len(source), "model": f"of {source}", "choices": choices}
    if usage is not None:
        chunk["usage"] = usage
    data = json.dumps(chunk, ensure_ascii=ascii_only).encode()
    return Event(b"data: %b\n\n" % data, data, kind)


def _reads_as(events: list[Event], whole: str | None) -> bool:
    """Tell whether a caller who reads these events has the whole answer, and all of it once."""
    chunks = [json.loads(event.data) for event in events if event.data.startswith(b"{")]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    deltas = [choice["delta"] for choice in choices]
    units = "".join(delta.get("content", "") for delta in deltas)
    text = units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    identities = {(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}
    return (
        text == whole
        and identities == {("first", 5, "of first")}
        and [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]
        and sum("usage" in chunk for chunk in chunks) <= 1
        and sum(event.data == b"[DONE]" for event in events) <= 1
        and all(event.data in event.raw and event.raw.endswith(b"\n\n") for event in events)
    )


def table(counts: Counts) -> str:
    """Return the counts as a table in Markdown."""
    rows = [_row(kind, [counts.ends[kind, end] for end in _ENDS]) for kind in KINDS if kind != OWN]
    total = _row("**all**", [counts.total(end) for end in _ENDS])
    head = ["| the second target | " + " | ".join(_ENDS) + " |", "|---|---:|---:|---:|"]
    return "\n".join([*head, *rows, total, _row(OWN, [counts.ends[OWN, end] for end in _ENDS])])


def _row(name: str, numbers: list[int]) -> str:
    return f"| {name} | " + " | ".join(f"{number:,}" for number in numbers) + " |"


_ENDS = ("whole", "honest", "wrong")


def main() -> None:
    """Print the counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("count", nargs="?", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    counts = broken_streams(asked.count, asked.seed)
    print(table(counts), *counts.examples, sep="\n")


if __name__ == "__main__":
    main()
