"""A secret is only ever seen by whoever asks for it by name."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle

import msgspec
import pytest

from elizanet.settings import Secret

KEY = "planted-1f9b2c"


@dataclasses.dataclass(frozen=True)
class Holder:
    secret: Secret


def test_the_value_comes_out_of_reveal_only() -> None:
    """Every other text form is the mask."""
    secret = Secret(KEY)
    assert secret.reveal() == KEY
    for form in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r}",
        f"{secret!a}",
        f"{secret:>30}",
    ):
        assert form.strip() == "Secret(****)"
    assert "%s %r" % (secret, secret) == "Secret(****) Secret(****)"  # noqa: UP031 - the form loggers use


def test_a_log_line_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    """Logging formats late, through str."""
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("key %s of %r", Secret(KEY), Holder(Secret(KEY)))
    assert KEY not in caplog.text
    assert "Secret(****)" in caplog.text


def test_a_dataclass_holding_one_is_masked() -> None:
    """Both asdict and repr go through copies, which stay secrets."""
    holder = Holder(Secret(KEY))
    assert KEY not in repr(dataclasses.asdict(holder))
    assert KEY not in repr(holder)
    assert dataclasses.asdict(holder)["secret"].reveal() == KEY


def test_copies_are_the_same_secret() -> None:
    """There is no second object to lose track of."""
    secret = Secret(KEY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"a": secret})["a"] is secret


@pytest.mark.parametrize("encode", [json.dumps, msgspec.json.encode, pickle.dumps])
def test_serialising_is_refused_without_showing_it(encode: object) -> None:
    """A masked key that is read back would be sent, so there is no masked file form."""
    with pytest.raises((TypeError, ValueError)) as raised:
        encode(Secret(KEY))  # type: ignore[operator]
    assert KEY not in str(raised.value)


def test_json_with_str_as_default_is_masked() -> None:
    """The usual escape hatch shows the mask."""
    assert json.dumps({"key": Secret(KEY)}, default=str) == '{"key": "Secret(****)"}'


def test_equal_values_are_equal_and_hash_alike() -> None:
    """Secrets can be members of sets; text is never equal to one."""
    assert Secret(KEY) == Secret(KEY)
    assert Secret(KEY) != Secret(KEY + "x")
    assert Secret("schlüssel") != Secret("schlussel")
    assert Secret(KEY) != KEY
    assert len({Secret(KEY), Secret(KEY), Secret("other")}) == 2
    assert hash(Secret(KEY)) != hash(KEY)


def test_a_secret_does_not_change() -> None:
    """Neither by assignment nor by a new attribute."""
    secret = Secret(KEY)
    with pytest.raises(AttributeError) as raised:
        secret._value = "other"
    assert KEY not in str(raised.value)
    assert secret.reveal() == KEY
