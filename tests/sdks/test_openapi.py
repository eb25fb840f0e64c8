"""The gateway against its own OpenAPI document, with inputs that nobody thought of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks

from support.gateway_process import CALLERS_KEY, NO_PASSTHROUGH, Gateway, Providers, running_gateway

pytestmark = [pytest.mark.sdks, pytest.mark.timeout(300)]

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.yaml"
schema = schemathesis.openapi.from_path(DOCUMENT)
TIMEOUT = "x-request-timeout-ms"
PROVIDERS_AFFAIR = [checks.negative_data_rejection, checks.positive_data_acceptance]
"""The gateway looks at few fields; whether the others are right only the provider can say."""


@pytest.fixture(scope="session")
def strict_gateway(
    _providers: Providers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway that passes nothing on which it does not know."""
    home = tmp_path_factory.mktemp("strict")
    with running_gateway(_providers, home, NO_PASSTHROUGH) as gateway:
        yield gateway


@schema.auth()
class CallersKey:
    """The key that a caller has; schemathesis leaves it out where it tries without one."""

    def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> str:
        del case, context
        return CALLERS_KEY

    def set(self, case: schemathesis.Case, data: str, context: schemathesis.AuthContext) -> None:
        del context
        case.headers["Authorization"] = f"Bearer {data}"


@schema.parametrize()  # type: ignore[untyped-decorator]  # schemathesis is not in .venv
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_documented(case: schemathesis.Case, strict_gateway: Gateway) -> None:
    """Never a fault of the gateway; statuses, types, shapes, methods and keys as promised."""
    give_time(case)
    case.call_and_validate(
        base_url=strict_gateway.base_url.removesuffix("/v1"),
        excluded_checks=PROVIDERS_AFFAIR,
    )


def give_time(case: schemathesis.Case) -> None:
    """Let a caller who has less than a second have one: a 504 is right, and looks like a fault."""
    given = str(case.headers.get(TIMEOUT, ""))
    if given.isdecimal() and 0 < int(given) < 1000:
        case.headers[TIMEOUT] = "1000"
