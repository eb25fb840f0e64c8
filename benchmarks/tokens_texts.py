"""Texts that tell tokenizers apart: many scripts, code, odd Unicode, hostile patterns.

The strings are the same in every run and in every process.
"""

# ruff: noqa: RUF001 - characters that look like others are what is tested

from __future__ import annotations

import unicodedata
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PLANES = (0, 1, 2, 3, 14)
SURROGATES = range(0xD800, 0xE000)
SPACES = " \t\n\r\x0b\x0c\x1c\x85\u00a0\u180e\u200b\u2028\u3000"

ALPHABETS = (
    "abcdefghij klmnop qrstuvwxyz",
    "ABCDEF abc XyZ'",
    "абвгде ёжз АБВ ΑΒγδ",
    "日本語漢字中文かなカナ、。한국어 글자",
    "العربية نص עברית فارسی",
    "हिन्दी पाठ क्षि தமிழ் ไทยภาษา",
    "a\u0301e\u0300o\u0308\u0301\u0300\u036f",
    "😀👍🏽👨\u200d👩\u200d👧🇩🇪\u2764\ufe0f",
    "0123456789١٢٣४५६½Ⅷ²",
    SPACES,
    "!@#$%^&*()_+-=[]{};':\",./<>?\\|`~",
    "sStTlLdDmMrReEvV''\u2019",
    "ǅǈʰªºⅷꭰ\U00010428\U0001d400\U000e0100",
    "\x00\x01\x7f\ufeff\ufffd\ufffe",
)
FRAGMENTS = (
    "def f(x):\n    return x + 1\n",
    "for (int i=0;i<10;i++) {\n\t// hi\n}\r\n",
    "SELECT * FROM t WHERE a='b';",
    '{"a": [1,2.5e-3,null]}',
    "<|endoftext|>",
    "<|fim_prefix|><|endofprompt|>",
    "https://example.org/a/b?c=1&d=%20",
    "I'll they've we'd DON'T it's",
    "\n\n\n   \n",
    "        ",
    "/path/to//x///\n/\r",
    "1234567890 12 3",
)
SAMPLES = (
    "",
    "Hello world",
    "Hello, world! It's 12345 o'clock; we'LL see.",
    "<|endoftext|>",
    "a<|endofprompt|>b <|im_start|>user<|im_end|> <|fim_suffix|>",
    "Grüße aus Köln – naïve café, Œuvre",
    "Съешь ещё этих мягких французских булок",
    "敏捷的棕色狐狸跳过懒狗。日本語のテキスト、한국어 텍스트",
    "مرحبا بالعالم שלום עולם हिन्दी पाठ ภาษาไทย",
    "😀👍🏽👨\u200d👩\u200d👧🇩🇪\u2764\ufe0f",
    "   leading, trailing   \n\n\t \r\n x  ",
    "\ud83d\ude00 is a pair, \ud83d and \ude00 are not",
    "it'\u017f'Tis a'\u017f'lle 's'\u017f'mx !!\u0301'\u017f'TDl",
    *FRAGMENTS,
)


WORDS = """\
the provider of a model answers late or not at all, so the call moves on; it's what people
don't notice when 200 agents talk to 3 providers: Latency, quotas (429), outages."""


def mixed_texts(number: int) -> Iterator[str]:
    """Strings of many scripts, random Unicode, code, white space, digits, contractions."""
    rng = Random(7)
    makers = (_any_unicode, _all_alphabets, _long_runs, _code, _white_space, _latin)
    for index in range(number):
        yield makers[index % len(makers)](rng)


def long_s_texts(number: int) -> Iterator[str]:
    """Strings in which apostrophes, contraction letters and the long s follow each other."""
    rng = Random(11)
    extras = ("", " \t\n/!.", "aAbBéÉ日1٣½\u0301ǅʰ", "\u3000\x1c\x85_-ÀßΩЖ")
    for _ in range(number):
        alphabet = "sStTlLdDmMrReEvV''''\u2019\u017f\u017f\u017f\u017f" + rng.choice(extras)
        yield "".join(rng.choices(alphabet, k=rng.choice((6, 12, 40, 200))))


def _any_unicode(rng: Random) -> str:
    codes = (rng.randrange(0x110000) for _ in range(rng.randrange(1, 60)))
    return "".join(chr(code) for code in codes if code not in SURROGATES)


def _all_alphabets(rng: Random) -> str:
    return "".join(rng.choice(rng.choice(ALPHABETS)) for _ in range(rng.randrange(1, 80)))


def _long_runs(rng: Random) -> str:
    pair = rng.sample(ALPHABETS, 2)
    runs = (rng.choice(rng.choice(pair)) * rng.choice((1, 1, 2, 5, 20, 150)) for _ in range(30))
    return "".join(runs)


def _code(rng: Random) -> str:
    pool = (*FRAGMENTS, rng.choice(rng.choice(ALPHABETS)))
    return "".join(rng.choice(pool) for _ in range(rng.randrange(1, 20)))


def _white_space(rng: Random) -> str:
    parts = (rng.choice(SPACES) * rng.choice((1, 2, 9)) for _ in range(rng.randrange(1, 25)))
    return "".join(part + rng.choice(("", "", "x", "/", ".", "'s")) for part in parts)


def _latin(rng: Random) -> str:
    return "".join(chr(rng.randrange(32, 0x250)) for _ in range(rng.randrange(1, 60)))


def characters(*, assigned: bool) -> list[str]:
    """Return all characters Python's Unicode knows, or all code points it does not know yet.

    Only of the planes in use; surrogates and private characters are neither.
    """
    wanted = (lambda kind: kind not in {"Cn", "Cs", "Co"}) if assigned else "Cn".__eq__
    codes = (code for plane in PLANES for code in range(plane << 16, (plane + 1) << 16))
    return [c for c in map(chr, codes) if wanted(unicodedata.category(c))]


def among_others(some: Iterable[str]) -> str:
    """Set each character beside letters, digits, white space and apostrophes."""
    return "\n".join(f"a{c}b {c}{c}1{c}\n {c}'s{c}" for c in some)


def prose(length: int) -> str:
    """Ordinary English of so many characters, words in ever new order."""
    return " ".join(Random(5).choices(WORDS.split(), k=length // 3))[:length]


def hostile(length: int) -> dict[str, str]:
    """Texts of so many characters that defeat a regular expression or a merge loop."""
    rng = Random(3)
    random_letters = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=length))
    ideographs = "".join(map(chr, rng.choices(range(0x4E00, 0x9FFF), k=length)))
    units = {"a": "a", "A": "A", "Aa": "Aa", "-": "-", "/": "/", "^": "^", "1": "1"}
    units |= {"newline": "\n", "crlf": "\r\n", "space newline": " \n", "tab space": "\t "}
    units |= {"'s": "'s", "long s": "a'\u017f'", "emoji": "😀", "combining": "\u0301"}
    units |= {"mixed scripts": "aбc日ا", "special": "<|endoftext|>"}
    texts = {name: (unit * (length // len(unit) + 1))[:length] for name, unit in units.items()}
    texts |= {"space": " " * length, "spaces, letter": " " * (length - 1) + "x"}
    return texts | {"random letters": random_letters, "random ideographs": ideographs}
