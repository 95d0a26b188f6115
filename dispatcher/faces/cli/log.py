"""`dispatcher log`, `watch`, `report`."""

import csv
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click

from dispatcher.domain.campaign import CampaignId
from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.letter import LetterState
from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.marks import MARKS
from dispatcher.services.house import House
from dispatcher.services.log_export import SCRIPT
from dispatcher.services.report import as_document, first_line, log_rows
from dispatcher.services.store import LogFilter, LogRow

_WIDTH = 132
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CSV = (
    "letter", "delivery", "campaign", "mission", "channel", "recipient", "state", "reason", "due_at", "message_id",
    "tries", "last_outcome", "last_code", "last_reply",
)  # fmt: skip
_states = click.Choice([state.value for state in DeliveryState])


@click.command("log")
@click.option("--state", type=_states, help="Only deliveries in this state.")
@click.option("--mission", help="Only this mission.")
@click.option("--letter", type=int, help="Only this letter.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document: a list of rows.")
@click.option("--jsonl", is_flag=True, help="One JSON row a line.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV for a spreadsheet.")
@click.option(
    "--export",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the whole log with its seals into this new folder, for somebody outside to verify.",
)
@click.pass_obj
def log_command(
    entrance: Entrance,
    state: str | None,
    mission: str | None,
    letter: int | None,
    as_json: bool,
    jsonl: bool,
    as_csv: bool,
    folder: Path | None,
) -> None:
    """Show the delivery log: a row for each letter and channel, with its attempts. Times are UTC."""
    house = entrance.house(entrance.settings())
    if folder is not None:
        if state or mission or letter or as_json or jsonl or as_csv:
            raise click.UsageError("--export writes the whole log in its own form; give it alone.")
        _export(entrance, house, folder)
        return
    which = LogFilter(state=DeliveryState(state) if state else None, mission=mission, letter=letter)
    rows = log_rows(house.store, which)
    if as_json:
        click.echo(json.dumps([as_document(row) for row in rows], ensure_ascii=False))
    elif jsonl:
        for row in rows:
            click.echo(json.dumps(as_document(row), ensure_ascii=False))
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(_CSV)
        for row in rows:
            writer.writerow([_harmless(cell) for cell in _cells(row)])
    else:
        print_log(house, which)


@click.command("watch")
@click.option("--seconds", default=2.0, show_default=True, help="How often to look.")
@click.option("--times", type=int, help="Look so many times, then stop.")
@click.pass_obj
def watch_command(entrance: Entrance, seconds: float, times: int | None) -> None:
    """Follow the delivery log: a line whenever something has changed. Stop with Ctrl-C."""
    house = entrance.house(entrance.settings())
    before = ""
    looks = 0
    while times is None or looks < times:
        line = _board(house)
        if line != before:
            click.echo(f"{house.clock.now():%H:%M:%S} UTC  {line}")
            before = line
        looks += 1
        if times is None or looks < times:
            time.sleep(seconds)


@click.command("report")
@click.option("--campaign", help="The campaign; the active one by default.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def report_command(entrance: Entrance, campaign: str | None, as_json: bool) -> None:
    """What became of a campaign's letters, in numbers from the log."""
    house = entrance.house(entrance.settings())
    chosen = house.campaigns.get(CampaignId(campaign)) if campaign else house.campaigns.active
    with house.store.read() as work:
        deliveries = work.outbox.totals(chosen.id)
        letters = work.letters.count(chosen.id)
    if as_json:
        document = {
            "campaign": chosen.id,
            "letters": {state.value: count for state, count in letters.items()},
            "deliveries": {state.value: count for state, count in deliveries.items()},
        }
        click.echo(json.dumps(document))
        return
    click.echo(chosen.name)
    click.echo(_sentence(deliveries, letters))
    for letter_state, count in letters.items():
        click.echo(f"  letters {letter_state.value.replace('_', ' ')}: {count:,}")
    for state, count in deliveries.items():
        click.echo(f"  {MARKS[state].sign} deliveries {state.value.replace('_', ' ')}: {count:,}")


def _export(entrance: Entrance, house: House, folder: Path) -> None:
    house.sealing.seal_all()
    export = entrance.export_log(house, folder)
    if not export.blocks:
        click.echo("There is nothing in the log yet; nothing was written.")
        return
    click.echo(f"{export.blocks:,} blocks with {export.rows:,} rows stand in {folder}.")
    click.echo(f"Head of the chain: {export.head}")
    click.echo(f"Anybody can check it with: python3 {folder / SCRIPT}")
    click.echo(
        "Hand the head over by another way than the folder, or note it down: with it, also a cut shows."
    )
    if export.unsealed:
        click.echo(f"{export.unsealed:,} newer rows are not sealed yet and were left out.")


def print_log(house: House, which: LogFilter | None = None) -> None:
    """The log as a table that also a narrow terminal can show."""
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("letter", "mission", "by", "state", "due (UTC)", "last answer"):
        table.add_column(name, justify="right" if name == "letter" else "left", overflow="fold")
    count = 0
    for row in log_rows(house.store, which or LogFilter()):
        count += 1
        table.add_row(*(Text(cell) for cell in _line(row)))
    console = Console()
    # A file or a pipe has no width; a table of 80 columns would break every address.
    Console(width=None if console.is_terminal else _WIDTH).print(table)
    click.echo(f"{count:,} deliveries. {_board(house)}")


def _line(row: LogRow) -> tuple[str, ...]:
    delivery = row.delivery
    last = row.attempts[-1].outcome if row.attempts else None
    words = f"{last.code or ''} {last.reply}".strip() if last else (delivery.reason or "").replace("_", " ")
    return (
        str(delivery.letter),
        delivery.mission or "none",
        delivery.channel.value if delivery.channel else "none",
        f"{MARKS[delivery.state].sign} {delivery.state.value.replace('_', ' ')}",
        f"{delivery.due_at:%Y-%m-%d %H:%M}",
        words,
    )


def _board(house: House) -> str:
    with house.store.read() as work:
        totals = work.outbox.totals()
        undecided = work.letters.undecided()
    parts = [
        f"{MARKS[state].sign} {count:,} {state.value.replace('_', ' ')}"
        for state, count in totals.items()
        if count
    ]
    return f"{_sentence(totals, undecided)} ({', '.join(parts) or 'no deliveries yet'})"


def _sentence(totals: Mapping[DeliveryState, int], letters: Mapping[LetterState, int]) -> str:
    return first_line(totals, letters.get(LetterState.IN_REVIEW, 0), letters.get(LetterState.CONFIRMED, 0))


def _cells(row: LogRow) -> list[object]:
    document = as_document(row)
    last = row.attempts[-1].outcome if row.attempts else None
    return [
        *(document[name] for name in _CSV[:10]),
        len(row.attempts),
        last.kind.value if last else "",
        last.code if last else "",
        last.reply if last else "",
    ]


def _harmless(cell: object) -> object:
    """A fax number or a server's reply must not be taken for a formula by a spreadsheet program."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
