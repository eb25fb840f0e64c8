"""Texts to break: prose, code, tables, numbers, scripts without spaces, emoji, repetition."""

from __future__ import annotations

import random
import string

_CONSONANTS = "bcdfghjklmnprstvw"
_VOWELS = "aeiou"
_IDEOGRAPHS = [chr(code) for code in range(0x4E00, 0x4E00 + 2500)]
_EMOJI = ["😀", "👍🏽", "👩‍🚀", "🇩🇪", "e\u0301", "n\u0303", "क्षि", "\U0001d4b3", "ﷺ"]


def text_of(chance: random.Random) -> str:
    """Return a text of 2 to some 800 characters."""
    text = chance.choice(_KINDS)(chance)
    if chance.random() < 0.1:
        text = chance.choice(("\n\n", " ", '"', "```\n")) + text
    return text if len(text) > 1 else text + "yes"


def _word(chance: random.Random) -> str:
    syllables = chance.choice((1, 1, 2, 2, 3))
    return "".join(chance.choice(_CONSONANTS) + chance.choice(_VOWELS) for _ in range(syllables))


def prose_of(chance: random.Random) -> str:
    """Return sentences that begin with a capital letter, as most answers do."""
    sentences = []
    for _ in range(chance.randrange(1, 8)):
        words = [_word(chance) for _ in range(chance.randrange(2, 16))]
        sentences.append(" ".join(words).capitalize() + chance.choice(".!?:"))
    return chance.choice((" ", "\n\n", "\n- ")).join(sentences)


def _code(chance: random.Random) -> str:
    lines = []
    for _ in range(chance.randrange(1, 15)):
        name, value = _word(chance), chance.randrange(1000)
        line = chance.choice((
            f"{name} = {_word(chance)}({name}, {value})", f"    return {name}[{value}]",
            f"if (({name} == {value})) {{", "}", "</div></div>", f"{name}({name}({value}))",
        ))  # fmt: skip
        lines.append(" " * 4 * chance.randrange(3) + line)
    return "\n".join(lines)


def _table(chance: random.Random) -> str:
    columns = chance.randrange(2, 5)
    cells = ("1", "0", "1,000", "yes", _word(chance), _word(chance))
    rows = ["|" + "---|" * columns]
    rows += (
        "| " + " | ".join(chance.choice(cells) for _ in range(columns)) + " |"
        for _ in range(chance.randrange(2, 10))
    )
    return "\n".join(rows)


def _numbers(chance: random.Random) -> str:
    separator = chance.choice((", ", " ", ",", "\n"))
    return separator.join(
        chance.choice(("0", "1", "1,000,000", "3.14159", str(chance.randrange(10**6))))
        for _ in range(chance.randrange(2, 40))
    )


def _ideographs(chance: random.Random) -> str:
    return "".join(
        chance.choice(_IDEOGRAPHS) * chance.choice((1, 1, 1, 1, 2))
        + chance.choice(("", "", "", "", "\uff0c", "。\n"))
        for _ in range(chance.randrange(2, 120))
    )


def _emoji(chance: random.Random) -> str:
    parts = [*_EMOJI, _word(chance), " ", "\n"]
    return "".join(chance.choice(parts) for _ in range(chance.randrange(2, 60)))


def _repetition(chance: random.Random) -> str:
    unit = chance.choice(("ha ", "no, ", "=", "-", "la la la\n", _word(chance) + " ", "\n", "ab"))
    text = unit * chance.randrange(2, 30)
    return chance.choice(("", prose_of(chance))) + text + chance.choice(("", prose_of(chance)))


def _characters(chance: random.Random) -> str:
    alphabet = chance.choice(("ab", "ab \n", string.printable, string.ascii_lowercase + "  "))
    return "x" + "".join(chance.choice(alphabet) for _ in range(chance.randrange(1, 200)))


_KINDS = (prose_of, prose_of, prose_of, _code, _table, _numbers, _ideographs, _emoji, _repetition,
          _characters)  # fmt: skip
