"""Takes secrets out of a provider's words, so that they can be shown to a caller.

What goes: API keys and tokens, account and organisation ids, user names and passwords in
addresses, and hosts inside a private network, also those whose names have no dot. What stays:
ordinary text, model names, status codes, public addresses. Every pattern starts at a literal or a
class of its own and has no nested repetition, so the time is linear in the length of the text.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache, partial
from typing import Final

MASK: Final = "[redacted]"
_REMEMBERED_CHARACTERS: Final = 1000
_LONGEST: Final = 2048
"""Characters of the longest secret that is looked for."""

_USER_INFO: Final = re.compile(r"(?<=://)[^\s/@:\"']{0,256}:[^\s/@\"']{1,256}@")
_LABELLED: Final = re.compile(
    r"(?i)((?<![a-z0-9])(?:x-)?(?:api[-_]?key|goog-api-key|access[-_]?token|auth[-_]?token"
    r"|refresh[-_]?token|session[-_]?token|client[-_]?secret|secret[-_]?(?:access[-_]?)?key"
    r"|password|passwd|(?<=[?&])(?:key|token|sig|signature|secret))"
    # Prose follows a colon and a space: there only a value with a digit or in quotes is one.
    r"(?:[\"'`]?\s?[:=]\s?b?[\"'`]|=|%3d|:(?!\s)|:\s(?=\S{0,200}\d)))"
    r"(?!\[redacted\])(?:[^\s\"'`&,;)}\]<>\\]|\\(?![\"'])){4,}"
)
_AUTHORIZATION: Final = re.compile(
    r"(?i)\b(bearer|basic|digest)\s(?:(?=\S{0,200}\d)[\w.~+/=\-]{8,}|[\w.~+/=\-]{20,})"
)
_KEYS: Final = (
    "sk|pk|rk|ak|gsk|csk|fw|tgp|pplx|hf|nvapi|xai|r8|esecret|glpat|ghp|gho|ghs|ghu|github_pat"
    "|xoxb|xoxp|vck|sk-ant|dapi"
)
_PREFIXED: Final = re.compile(
    r"(?<![A-Za-z0-9_\-])(?:"
    rf"(?:{_KEYS})[-_](?=[A-Za-z0-9_\-*.]*[0-9A-Z*])[A-Za-z0-9_\-*.]{{6,}}[A-Za-z0-9*]"
    r"|(?:sk|gsk|pk)[-_][A-Za-z0-9_\-]{16,}"
    r"|AIza[A-Za-z0-9_\-]{20,}|ya29\.[A-Za-z0-9_\-.]{10,}|(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}"
    r"|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-.]{8,}"
    r")"
)
_ACCOUNTS: Final = "org|proj|acct|account|user|team|cus|sub|ws|wrkspc"
_ACCOUNT: Final = re.compile(
    rf"(?<![A-Za-z0-9_\-])(?:{_ACCOUNTS})[-_]"
    r"(?=[A-Za-z0-9]*[0-9A-Z])[A-Za-z0-9]{6,}(?![A-Za-z0-9_\-])"
)
_ARN: Final = re.compile(
    r"\barn:[a-z\-]{3,12}:[a-z0-9\-]{0,40}:[a-z0-9\-]{0,30}:\d{12}(?::(?:[^\s\"',)\\]|\\(?![\"'])){1,200})?"
)
_PRIVATE_V4: Final = re.compile(
    r"(?<![\d.])(?:10(?:\.\d{1,3}){3}|127(?:\.\d{1,3}){3}|192\.168(?:\.\d{1,3}){2}"
    r"|169\.254(?:\.\d{1,3}){2}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d{1,3}){2}"
    r"|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])(?:\.\d{1,3}){2}|0\.0\.0\.0)"
    r"(?!\.?\d)(?::\d{1,5})?"
)
_PRIVATE_V6: Final = re.compile(
    r"(?i)\[(?:::1|f[cd][0-9a-f]{2}:[0-9a-f:]{2,40}|fe80:[0-9a-f:%a-z]{2,40})\](?::\d{1,5})?"
)
_PRIVATE_HOST: Final = re.compile(
    r"(?i)(?<![a-z0-9.\-])(?:(?:[a-z0-9](?:[a-z0-9\-]{0,62})\.){1,8}?"
    r"(?:internal|local|lan|intranet|corp|localdomain|svc|cluster\.local)(?:\.cluster\.local)?"
    r"|localhost)(?![a-z0-9\-]|\.[a-z0-9])(?::\d{1,5})?"
)
_BARE_V6: Final = re.compile(
    r"(?i)(?<![\w:.])(?:(?:f[cd][0-9a-f]{2}|fe80):(?=[0-9a-f:]{0,38}:)[0-9a-f:]{1,40}"
    r"(?:%[a-z0-9]{1,16})?|::1)(?![\w:])"
)
# The names that a network of one's own gives to machines have no dot. They are known by what
# stands before them, or by a number at their end and a port.
_LABEL: Final = r"[a-z](?:[a-z0-9\-]{0,61}[a-z0-9])?"
_NAME_ENDS: Final = r"(?![\w\-@]|[.:]\w)"
_NAME_IN_URL: Final = re.compile(rf"(?i)(?<=://){_LABEL}(?::\d{{1,5}})?{_NAME_ENDS}")
_NAME_AFTER_A_WORD: Final = re.compile(
    rf"(?i)(?:(?<=\bto )|(?<=\bhost )){_LABEL}:\d{{2,5}}{_NAME_ENDS}"
    rf"|(?<=\blookup ){_LABEL}(?=:| on\b)|(?<=host=['\"]){_LABEL}(?=['\"])"
)
_NUMBERED_NAME: Final = re.compile(
    rf"(?i)(?<![\w.\-:/])[a-z][a-z0-9\-]{{0,61}}\d:\d{{4,5}}{_NAME_ENDS}"
)
_NUMBERED: Final = re.compile(
    r"(?i)\b((?:subscription|tenant|account|project|workspace|organi[sz]ation|director(?:y|ie))s?"
    r"(?:[ _-]?(?:id|number))?(?:[ \"'`]{0,2}[:=/#][ \"'`]{0,2}|[ \"'`]{1,2}))"
    r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{12})(?![\w\-])"
)
_REGISTRY: Final = re.compile(r"(?<!\d)\d{12}(?=\.dkr\.ecr\.)")
_ESCAPED: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)++(?:(")|\\?\Z)', re.DOTALL)
"""A string with an escape: between strings there is none, so a match begins where one does. The
last one may have been cut."""
_CUT_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def _with_hyphen(prefixes: str) -> tuple[str, ...]:
    return tuple(prefix + sign for prefix in prefixes.split("|") for sign in "-_")


_UNHYPHENED: Final = ("aiza", "ya29.", "akia", "aroa", "asia", "aida", "eyj")
_NETWORKS: Final = ("10.", "127.", "192.168.", "169.254.", "172.", "100.", "0.0.0.")
_DIGIT_COLON: Final = tuple(f"{digit}:" for digit in range(10))
_NUMBERED_THINGS: Final = (
    "subscription", "tenant", "account", "project", "workspace", "organi", "director",
)  # fmt: skip
_NAMES: Final = (
    ".internal",
    ".local",
    ".lan",
    ".intranet",
    ".corp",
    ".svc",
    ".cluster",
    "localhost",
)

_Rules = tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...]

_KEY_RULES: Final[_Rules] = (
    (("://",), _USER_INFO, f"{MASK}@"),
    (("=", ":", "%3d"), _LABELLED, rf"\1{MASK}"),
    (("bearer", "basic", "digest"), _AUTHORIZATION, rf"\1 {MASK}"),
    ((*_with_hyphen(_KEYS), *_UNHYPHENED), _PREFIXED, MASK),
)
_RULES: Final[_Rules] = (
    *_KEY_RULES,
    (_with_hyphen(_ACCOUNTS), _ACCOUNT, MASK),
    (("arn:",), _ARN, MASK),
    (_NETWORKS, _PRIVATE_V4, MASK),
    (("[",), _PRIVATE_V6, MASK),
    (("fc", "fd", "fe80", "::1"), _BARE_V6, MASK),
    (_NAMES, _PRIVATE_HOST, MASK),
    (("://",), _NAME_IN_URL, MASK),
    (("to ", "host", "lookup "), _NAME_AFTER_A_WORD, MASK),
    (_DIGIT_COLON, _NUMBERED_NAME, MASK),
    (_NUMBERED_THINGS, _NUMBERED, rf"\1{MASK}"),
    ((".dkr.ecr.",), _REGISTRY, MASK),
)
"""Signs, of which every match in ASCII text has one in lower case; the pattern; what replaces it.

Looking for the signs costs a tenth of looking for the pattern, and most texts have none.
"""


def redact(text: str) -> str:
    """Return the text with every secret replaced by `[redacted]`."""
    return _redacted(text) if len(text) <= _REMEMBERED_CHARACTERS else _masked(_RULES, text)


def redact_json(text: str) -> str:
    """Return JSON with every secret replaced, and otherwise as it was written.

    A string with an escape is read first, and written anew if it holds a secret: the escape may
    stand before that. What is not JSON is redacted as any text.
    """
    return redact(_ESCAPED.sub(_redacted_string, text))


def _redacted_string(written: re.Match[str]) -> str:
    raw, is_cut = written[0], written[1] is None
    try:
        said = json.loads(_CUT_ESCAPE.sub("", raw) + '"' if is_cut else raw, strict=False)
    except ValueError:
        return raw
    shown = redact(said)
    if shown == said:
        return raw
    text = json.dumps(shown, ensure_ascii=_SURROGATE.search(raw) is not None)
    return text[:-1] if is_cut else text


def excerpt(text: str, most: int) -> str:
    """Return the first `most` characters of a text, redacted before it is cut.

    Half a key would not be known for one, and so nothing is shown from near the end of what
    was looked at.
    """
    looked_at = most + 2 * _LONGEST
    begin = redact(text[:looked_at])
    return begin[:most] if len(text) <= looked_at else begin[: max(0, len(begin) - _LONGEST)][:most]


def mask_keys(text: str) -> str:
    """Return the text with keys, tokens and passwords replaced: addresses and accounts stay.

    This is for operators, who have to read which host it was.
    """
    return _keyless(text) if len(text) <= _REMEMBERED_CHARACTERS else _masked(_KEY_RULES, text)


def _masked(rules: _Rules, text: str) -> str:
    lowered = text.lower() if text.isascii() else None  # other letters may match one of ASCII's
    for signs, pattern, replacement in rules:
        if lowered is None or any(map(lowered.__contains__, signs)):
            text = pattern.sub(replacement, text)
    return text


# In an outage a provider says the same again and again, and names recur in every line.
_redacted = lru_cache(maxsize=512)(partial(_masked, _RULES))
_keyless = lru_cache(maxsize=1024)(partial(_masked, _KEY_RULES))
