"""A mapping that does not change, with a readable repr, a hash and a cheap copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar, final

Key = TypeVar("Key")
Value_co = TypeVar("Value_co", covariant=True)


@final
class FrozenMapping(Mapping[Key, Value_co], Generic[Key, Value_co]):
    """What `types.MappingProxyType` is not: hashable, copyable, its own owner."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[Key, Value_co] | Iterable[tuple[Key, Value_co]] = ()) -> None:
        self._items = dict(items)

    def __getitem__(self, key: Key) -> Value_co:
        return self._items[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)

    def __deepcopy__(self, _memo: dict[int, object]) -> FrozenMapping[Key, Value_co]:
        return self
