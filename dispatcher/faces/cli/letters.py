"""`dispatcher import`, `dispatcher erase`."""

import gc
import json
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from textwrap import shorten

import click

from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.main import FINDING
from dispatcher.faces.cli.progress import progress
from dispatcher.faces.cli.second_reading import in_words, read_waiting
from dispatcher.services.house import House
from dispatcher.services.intake import Refusal, Tally
from dispatcher.services.letter_file import FileRow, LetterFile

# One transaction each: large enough that the disk is not waited for, small enough that others get their turn.
_BATCH = 500
# So few letters are read a second time before the command ends; it takes a second or two.
_AT_ONCE = 300
_SHOWN = 10
# On the terminal a reason is a pointer; the file of rejects has it whole.
_WIDTH = 160


@click.command("import")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--confirmed", is_flag=True, help="The writers' consent is on paper; do not ask them by mail.")
@click.option(
    "--read",
    "read_now",
    is_flag=True,
    help="Do the second reading of all letters that wait for it at once; FILE may be left out.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def import_command(
    entrance: Entrance, file: Path | None, confirmed: bool, read_now: bool, as_json: bool
) -> None:
    """Take letters from FILE (CSV or JSONL).

    Columns: name, email, country, letter; and, where known, region, city, organisation, language, shielded.
    Rows that cannot be taken go to FILE.rejected.csv with line and reason; mend them there and import that file.

    The rules of the tone check read each letter as it comes in. Before it goes on, the whole check reads it: a small
    file at once, a large one while 'serve' or 'courier' runs.
    """
    if file is None:
        if not read_now:
            raise click.UsageError("Name the FILE of letters, or give --read to read those that wait.")
        _read_only(entrance.house(entrance.settings()), as_json=as_json)
        return
    files = entrance.letter_files()
    source = files.read_letters(file)
    house = entrance.house(entrance.settings())
    try:
        done = _take_in(house, source, confirmed=confirmed)
    finally:
        gc.unfreeze()
    waiting = house.second_reading.waiting()
    if waiting and (read_now or waiting <= _AT_ONCE):
        reading = read_waiting(house) if read_now else house.second_reading.read()
        done.tally.for_review += reading.in_review
        waiting = house.second_reading.waiting()
    rejected_file = file.with_name(file.name + ".rejected.csv") if done.rejects else None
    if rejected_file is not None:
        files.write_rejects(rejected_file, source.columns, done.rejects)
    if as_json:
        document = {
            "file": str(file),
            "rows": done.rows,
            "taken": done.tally.taken,
            "in_review": done.tally.for_review,
            "second_reading": waiting,
            "rejected": [{"line": row.line, "reason": reason} for row, reason in done.rejects],
            "rejected_file": str(rejected_file) if rejected_file else None,
            "ignored_columns": list(source.ignored),
        }
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        if source.ignored:
            click.echo(f"Columns that mean nothing here and were left out: {', '.join(source.ignored)}.")
        _tell(done, file, rejected_file, confirmed=confirmed, waiting=waiting)
    if done.rejects:
        raise SystemExit(FINDING)


@dataclass(kw_only=True)
class _Done:
    rows: int = 0
    tally: Tally = field(default_factory=Tally)
    rejects: list[tuple[FileRow, str]] = field(default_factory=list)


def _take_in(house: House, source: LetterFile, *, confirmed: bool) -> _Done:
    done = _Done()
    with progress("Reading letters", unit="letters") as bar:
        while chunk := list(islice(source.rows, _BATCH)):
            done.rows += len(chunk)
            house.intake.take_batch(
                [(index, row.draft) for index, row in enumerate(chunk) if row.problem is None],
                done.tally,
                confirmed=confirmed,
            )
            broken = [
                Refusal(position=i, reasons=(row.problem,)) for i, row in enumerate(chunk) if row.problem
            ]
            for refusal in sorted([*done.tally.refusals, *broken], key=lambda each: each.position):
                done.rejects.append((chunk[refusal.position], " ".join(refusal.reasons)))
            done.tally.refusals.clear()
            bar.advance(len(chunk))
            if done.rows == len(chunk):
                # Directory and rules are loaded now and stay; to look through them for garbage again and again would
                # be a tenth of the work.
                gc.freeze()
    return done


def _tell(done: _Done, file: Path, rejected_file: Path | None, *, confirmed: bool, waiting: int) -> None:
    tally, rejects = done.tally, done.rejects
    click.echo(f"{tally.taken:,} of {done.rows:,} letters taken.")
    if not confirmed and tally.taken:
        click.echo("Each writer is asked by mail to confirm; what is not confirmed within 7 days is erased.")
    if tally.for_review:
        click.echo(f"{tally.for_review:,} of them wait for a person to read them (console, 'Review').")
    if waiting:
        click.echo(in_words(waiting))
    for row, reason in rejects[:_SHOWN]:
        click.echo(f"  {file.name} line {row.line}: {shorten(reason, _WIDTH, placeholder=' ...')}")
    if len(rejects) > _SHOWN:
        click.echo(f"  and {len(rejects) - _SHOWN:,} more.")
    if rejects:
        click.echo(f"{len(rejects):,} rows were not taken; they are in {rejected_file} with the reason.")


def _read_only(house: House, *, as_json: bool) -> None:
    done = read_waiting(house)
    if as_json:
        click.echo(json.dumps({"approved": done.approved, "in_review": done.in_review}))
        return
    click.echo(f"{done.approved + done.in_review:,} letters were read a second time.")
    if done.in_review:
        click.echo(f"{done.in_review:,} of them wait for a person to read them (console, 'Review').")


@click.command("erase")
@click.option("--supporter", help="The supporter's email address.")
@click.option("--due", is_flag=True, help="Everything whose time has come: letters that nobody confirmed.")
@click.pass_obj
def erase_command(entrance: Entrance, supporter: str | None, due: bool) -> None:
    """Erase a supporter's personal data. What was sent stays in the log, without a name."""
    if bool(supporter) == due:
        raise click.UsageError("Give either --supporter ADDRESS or --due.")
    house = entrance.house(entrance.settings())
    if due:
        click.echo(f"{house.confirmation.purge():,} letters erased.")
        return
    count = house.confirmation.erase(supporter or "")
    click.echo(
        f"{count:,} letters of this supporter erased." if count else "There is no letter of this supporter."
    )
    if not count:
        raise SystemExit(FINDING)
