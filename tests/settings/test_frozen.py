"""The mapping inside frozen settings is as frozen as they are."""

from __future__ import annotations

import copy

import pytest

from elizanet.settings.frozen import FrozenMapping


def test_it_reads_like_a_dict_and_cannot_be_written() -> None:
    """Changing the source afterwards changes nothing either."""
    source = {"a": 1}
    mapping = FrozenMapping(source)
    source["b"] = 2
    assert dict(mapping) == {"a": 1}
    assert mapping == {"a": 1}
    assert repr(mapping) == "{'a': 1}"
    with pytest.raises(TypeError):
        mapping["c"] = 3  # type: ignore[index]


def test_equal_mappings_hash_alike_and_copies_are_itself() -> None:
    """Settings that hold one can be members of a set, and copied by asdict."""
    assert hash(FrozenMapping({"a": 1, "b": 2})) == hash(FrozenMapping({"b": 2, "a": 1}))
    mapping = FrozenMapping({"a": 1})
    assert copy.deepcopy(mapping) is mapping
