"""Takes secrets out of a provider's words, so that they can be shown to a caller.

What goes: API keys and tokens, account and organisation ids, user names and passwords in
addresses, and hosts inside a private network. What stays: ordinary text, model names, status
codes, public addresses. Every pattern starts at a literal or a class of its own and has no
nested repetition, so the time is linear in the length of the text.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import Final

MASK: Final = "[redacted]"
_REMEMBERED_CHARACTERS: Final = 1000

_USER_INFO: Final = re.compile(r"(?<=://)[^\s/@:\"']{0,256}:[^\s/@\"']{1,256}@")
_LABELLED: Final = re.compile(
    r"(?i)((?<![a-z0-9])(?:x-)?(?:api[-_]?key|goog-api-key|access[-_]?token|auth[-_]?token"
    r"|refresh[-_]?token|session[-_]?token|client[-_]?secret|secret[-_]?(?:access[-_]?)?key"
    r"|password|passwd|(?<=[?&])(?:key|token|sig|signature|secret))"
    # Prose follows a colon and a space: there only a value with a digit or in quotes is one.
    r"(?:[\"'`]?\s?[:=]\s?b?[\"'`]|=|%3d|:(?!\s)|:\s(?=\S{0,200}\d)))[^\s\"'`&,;)}\]<>]{4,}"
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
    r"\barn:[a-z\-]{3,12}:[a-z0-9\-]{0,40}:[a-z0-9\-]{0,30}:\d{12}(?::[^\s\"',)]{1,200})?"
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


def _with_hyphen(prefixes: str) -> tuple[str, ...]:
    return tuple(prefix + sign for prefix in prefixes.split("|") for sign in "-_")


_UNHYPHENED: Final = ("aiza", "ya29.", "akia", "aroa", "asia", "aida", "eyj")
_NETWORKS: Final = ("10.", "127.", "192.168.", "169.254.", "172.", "100.", "0.0.0.")
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
    (_NAMES, _PRIVATE_HOST, MASK),
)
"""Signs, of which every match in ASCII text has one in lower case; the pattern; what replaces it.

Looking for the signs costs a tenth of looking for the pattern, and most texts have none.
"""


def redact(text: str) -> str:
    """Return the text with every secret replaced by `[redacted]`."""
    return _redacted(text) if len(text) <= _REMEMBERED_CHARACTERS else _masked(_RULES, text)


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
