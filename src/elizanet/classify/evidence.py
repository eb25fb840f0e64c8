"""Finds what there is to believe: codes, sentences, statuses and delays, by depth.

An error body is walked without knowing whose it is: keys such as `code`, `type` or `reason`
hold names, keys such as `message` or `detail` hold prose, prose may hold another document,
and the deeper something lies the more it knows. Keys that hold the caller's own input, or the
model's answer, are left out.
"""

from __future__ import annotations

from typing import Final

from elizanet.classify import codes, documents, prose
from elizanet.classify.facts import MAX_TEXT, lowered
from elizanet.classify.keys import DELAY, NOT_EVIDENCE, PROSE, ROLES
from elizanet.classify.patterns import compiled
from elizanet.classify.prose import Readable
from elizanet.classify.statuses import ERRORS

MAX_DEPTH: Final = 12
MAX_NODES: Final = 400
MAX_NAME: Final = 200
"""Characters of a name looked at, and how much of a document is walked."""

_TITLE: Final = r"(?i)<(title|h1|h2)[^>]*>([^<]{0,300})<"
_TITLE_STATUS: Final = r"\b([45]\d\d)\b"
_PAGE: Final = r"(?i)\s*<(?:!doctype|html|head|\?xml|center)|[^<]{1,600}<html"


class Layer:
    """What was said at one depth.

    `names` are known codes in their normal spelling, `unknown` ones are spelled as words, and
    `prose` are the sentences.
    """

    __slots__ = ("_readable", "names", "prose", "unknown")

    def __init__(self) -> None:
        self.names: list[str] = []
        self.unknown: list[str] = []
        self.prose: list[str] = []
        self._readable: Readable | None = None

    def read(self) -> Readable:
        """Return the sentences as the rules read them; call it when all have been added."""
        if self._readable is None:
            self._readable = prose.readable(" | ".join(dict.fromkeys(self.prose)))
        return self._readable


class Evidence:
    """What was found, by depth: the deeper, the better the witness."""

    def __init__(self) -> None:
        self.layers: dict[int, Layer] = {}
        self.status: int | None = None
        self.delays: list[tuple[str, object]] = []
        self.headers: dict[str, str] = {}
        self.html = False
        self._nodes = 0
        self._status_depth = -1
        self._texts: set[str] = set()

    def ranked(self) -> list[Layer]:
        """Return the layers, the deepest first."""
        return [self.layers[depth] for depth in sorted(self.layers, reverse=True)]

    def add_name(self, name: str, depth: int) -> None:
        """Note an error code or type; one the tables do not know is read as words."""
        name = name[:MAX_NAME]
        normal = codes.normal(name)
        layer = self._layer(depth)
        if normal in codes.SPECIFIC or normal in codes.GENERIC:
            layer.names.append(normal)
        elif normal != "error":
            layer.unknown.append(codes.words(name))

    def add_status(self, status: object, depth: int) -> None:
        """Note an HTTP status of an error; `status` keeps the innermost."""
        if type(status) is int and status in ERRORS and depth > self._status_depth:
            self.status, self._status_depth = status, depth

    def add_text(self, text: str, depth: int) -> None:
        """Take apart a message, unless it was met before: documents, a page of HTML, prose."""
        text = text[:MAX_TEXT]
        if text in self._texts:
            return
        self._texts.add(text)
        if "<" in text and compiled(_PAGE).match(text):
            self._add_page(text, depth)
            return
        if "{" in text:
            text, found = documents.split(text)
            for document in found:
                self.add_value(document, depth + 1)
        if text := prose.clipped(text):
            text, statuses = prose.without_statuses(text)
            for status in statuses:
                self.add_status(status, depth)
            self._layer(depth).prose.append(text)

    def add_body(self, text: str, depth: int) -> None:
        """Take apart an HTTP body, which may be JSON as a whole."""
        if text.lstrip()[:1] in ("{", "[", '"'):
            try:
                value = documents.decode(text)
            except ValueError:
                pass
            else:
                self.add_value(value, depth)
                return
        self.add_text(text, depth)

    def add_value(self, value: object, depth: int) -> None:
        """Walk a decoded document."""
        self._nodes += 1
        if depth > MAX_DEPTH + depth // 20 * 20 or self._nodes > MAX_NODES:
            return
        if isinstance(value, dict):
            for key, inner in value.items():
                self._add_entry(str(key).lower(), inner, depth)
        elif isinstance(value, (list, tuple)):
            for inner in value[:MAX_NODES]:
                self.add_value(inner, depth)
        elif isinstance(value, str):
            self.add_text(value, depth)

    def _layer(self, depth: int) -> Layer:
        layer = self.layers.get(depth)
        if layer is None:
            layer = self.layers[depth] = Layer()
        return layer

    def _add_entry(self, key: str, value: object, depth: int) -> None:
        if key in NOT_EVIDENCE:
            if key in ("choices", "candidates"):
                self._add_choices(value, depth)
            return
        role = ROLES.get(key)
        if role == DELAY:
            self.delays.append((key, value))
        elif isinstance(value, str):
            if role is not None:
                self._add_string(role, value, depth)
        elif type(value) is int:
            if role is not None:
                self.add_status(value, depth)
        elif key == "headers":
            self.headers |= lowered(value)
        else:
            self.add_value(value, depth + 1)

    def _add_string(self, role: str, value: str, depth: int) -> None:
        if role == PROSE:
            self.add_text(value, depth + ("{" in value))
        elif " " in value:
            self.add_text(value, depth - 1)  # a code made of words is a generic sentence
        elif value.isdecimal():
            self.add_status(int(value[:4]), depth)
        elif value:
            self.add_name(value, depth)

    def _add_choices(self, choices: object, depth: int) -> None:
        """Look for errors among the answers, not at the answers."""
        if isinstance(choices, list):
            for choice in choices[:4]:
                if isinstance(choice, dict):
                    for key in ("error", "finish_reason", "finishReason", "finishMessage"):
                        if key in choice:
                            self._add_entry(key.lower(), choice[key], depth + 1)

    def _add_page(self, text: str, depth: int) -> None:
        """Read a page of HTML: its headings say what it is, the rest is decoration."""
        self.html = True
        titles = " ".join(part.strip() for _, part in compiled(_TITLE).findall(text[:4000]))
        for found in compiled(_TITLE_STATUS).findall(titles):
            self.add_status(int(found), depth)
        if titles:
            self._layer(depth).prose.append(titles)
