"""Which route serves a model name."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elizanet.settings.model import RouteSettings


def is_glob(pattern: str) -> bool:
    """Tell whether a pattern stands for more than one name."""
    return "*" in pattern or "?" in pattern


def may_serve(routes: Sequence[RouteSettings], pattern: str) -> bool:
    """Tell whether a model that matches this pattern may have a route.

    Two globs may always meet: whether they do is not worth finding out.
    """
    if not is_glob(pattern):
        return most_specific(routes, pattern) is not None
    return any(is_glob(route.pattern) or fnmatchcase(route.pattern, pattern) for route in routes)


def most_specific(routes: Sequence[RouteSettings], model: str) -> RouteSettings | None:
    """Return the route whose pattern is this name, else the most specific one that matches.

    More plain characters are more specific, then a longer plain beginning, then `?` before
    `*`; between equals the one that stands first.
    """
    matching = None
    for route in routes:
        if route.pattern == model:
            return route
        if not is_glob(route.pattern) or not fnmatchcase(model, route.pattern):
            continue
        if matching is None or _rank(route.pattern) > _rank(matching.pattern):
            matching = route
    return matching


def _rank(pattern: str) -> tuple[int, int, int]:
    wild = pattern.count("*") + pattern.count("?")
    beginning = len(pattern.replace("?", "*").partition("*")[0])
    return len(pattern) - wild, beginning, -pattern.count("*")
