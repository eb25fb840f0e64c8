"""`elizanet explain`: why a call went where it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from elizanet.cli.configuration import config_option, without_logs
from elizanet.cli.terminal import printable

if TYPE_CHECKING:
    from elizanet.cli.explaining import Explanation
    from elizanet.records.model import CallRecord, ChangeRecord
    from elizanet.records.reading import Reader

EPILOG = """\b
Examples:
  elizanet explain req_019ab1c2d3e4
  elizanet explain req_019ab1c2d3e4f5a6b7c8d9e0f1a2 --json
  elizanet logs --failed --json | tail -1 | jq -r .id | xargs elizanet explain

\b
The id is in every line of elizanet logs, in the header x-elizanet-request-id
of an answer, and in the log; its beginning is enough if no other call begins
with it (8 characters or more).

\b
Exit codes: 0 good, 1 there is no such call, several begin like that, or the
records cannot be read, 2 wrong usage or a configuration that is wrong.
"""

_MILLISECOND_S: Final = 0.001
"""A call may end so much later than its record says, and windows are that coarse: ids are."""


@click.command("explain", epilog=EPILOG)
@click.argument("request_id", metavar="REQUEST_ID")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_option
def command(*, request_id: str, as_json: bool, config: str | None) -> None:
    """Explain why a call went where it went.

    Tells who was considered in which order, who was not asked and why, what each one said who
    was asked, why the next one was, and what it took.
    """
    from elizanet.cli.explaining import explanation  # noqa: PLC0415 -- not for --help
    from elizanet.cli.explaining.page import show  # noqa: PLC0415
    from elizanet.cli.reading import database_of, open_records  # noqa: PLC0415

    without_logs()
    reader = open_records(database_of(config))
    try:
        record = _found(reader, request_id)
        before, during = _changes(reader, record)
    finally:
        reader.close()
    told = explanation(record, before, during)
    if as_json:
        _print_json(record, told)
    else:
        show(record, told)


def _found(reader: Reader, request_id: str) -> CallRecord:
    """Return the call of that id. Raises `RecordsError` if there is none, or more than one."""
    from elizanet.records.errors import RecordsError  # noqa: PLC0415 -- not for --help

    wanted = request_id.strip()
    record = reader.call(wanted if wanted.startswith("req_") else f"req_{wanted}")
    if record is None:
        raise RecordsError(
            f"no call is recorded as {printable(wanted)!r}; elizanet logs shows those there are, "
            "and what the gateway refused itself is in its log only"
        )
    return record


def _changes(reader: Reader, record: CallRecord) -> tuple[list[ChangeRecord], list[ChangeRecord]]:
    """Return what had become known of the call's targets before it, and what during it."""
    from elizanet.cli.explaining import is_about  # noqa: PLC0415 -- not for --help
    from elizanet.cli.records_text import steps_of, target_of  # noqa: PLC0415
    from elizanet.records.reading import Window  # noqa: PLC0415

    names = {(step.provider, target_of(step)) for step in steps_of(record)}
    ends = record.at + record.seconds + _MILLISECOND_S
    window = Window(record.at, ends + _MILLISECOND_S)

    def concerns(change: ChangeRecord) -> bool:
        ours = change.run == record.run and record.at <= change.at < ends
        return ours and any(is_about(change.subject, *name) for name in names)

    before = reader.latest_changes(record.at)
    return before, [change for change in reader.changes(window) if concerns(change)]


def _print_json(record: CallRecord, told: Explanation) -> None:
    import msgspec  # noqa: PLC0415 -- not for --help

    report = {"call": record, "explanation": told}
    click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2))
