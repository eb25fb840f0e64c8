"""A value that must not be seen by accident."""

from __future__ import annotations

from typing import Final, NoReturn, final

MASK: Final = "Secret(****)"


@final
class Secret:
    """A key, a token or a password.

    `reveal()` is the only way to the value. Every other form (repr, str, format, a log
    line, `dataclasses.asdict`) shows `Secret(****)`; JSON and pickle refuse it, because a
    masked key that is read back would be sent. Comparison takes the same time wherever two
    values differ.
    """

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """Return the value; call it where the value is sent, nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __format__(self, specification: str) -> str:
        return format(MASK, specification)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        from hmac import compare_digest  # noqa: PLC0415 - loads OpenSSL, which reading settings does not need

        return compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: dict[int, object]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled; reveal() it where it is needed")

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        raise AttributeError(f"a Secret does not change: {name}")
