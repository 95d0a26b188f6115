"""`dispatcher import`, `dispatcher erase`."""

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from textwrap import shorten

import click

from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.main import FINDING
from dispatcher.faces.cli.progress import progress
from dispatcher.services.intake import Intake, Refusal, Tally

# One transaction each: large enough that the disk is not waited for, small enough that others get their turn.
_BATCH = 500
_SHOWN = 10
# On the terminal a reason is a pointer; the file of rejects has it whole.
_WIDTH = 160


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--confirmed", is_flag=True, help="The writers' consent is on paper; do not ask them by mail.")
@click.option(
    "--rules-only",
    is_flag=True,
    help="Judge the tone by the rules alone: ten times as quick, and veiled contempt passes more often.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def import_command(entrance: Entrance, file: Path, confirmed: bool, rules_only: bool, as_json: bool) -> None:
    """Take letters from FILE (CSV or JSONL).

    Columns: name, email, country, letter; and, where known, region, city, organisation, language, shielded.
    Rows that cannot be taken go to FILE.rejected.csv with line and reason; mend them there and import that file.
    """
    files = entrance.letter_files()
    source = files.read_letters(file)
    intake = _intake(entrance, rules_only=rules_only)
    tally = Tally()
    rejects, count = [], 0
    with progress("Reading letters", unit="letters") as bar:
        while chunk := list(islice(source.rows, _BATCH)):
            count += len(chunk)
            intake.take_batch(
                [(index, row.draft) for index, row in enumerate(chunk) if row.problem is None],
                tally,
                confirmed=confirmed,
            )
            broken = [
                Refusal(position=i, reasons=(row.problem,)) for i, row in enumerate(chunk) if row.problem
            ]
            for refusal in sorted([*tally.refusals, *broken], key=lambda each: each.position):
                rejects.append((chunk[refusal.position], " ".join(refusal.reasons)))
            tally.refusals.clear()
            bar.advance(len(chunk))
    rejected_file = file.with_name(file.name + ".rejected.csv")
    if rejects:
        files.write_rejects(rejected_file, source.columns, rejects)
    if as_json:
        document = {
            "file": str(file),
            "rows": count,
            "taken": tally.taken,
            "in_review": tally.for_review,
            "rejected": [{"line": row.line, "reason": reason} for row, reason in rejects],
            "rejected_file": str(rejected_file) if rejects else None,
            "ignored_columns": list(source.ignored),
        }
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        if source.ignored:
            click.echo(f"Columns that mean nothing here and were left out: {', '.join(source.ignored)}.")
        click.echo(f"{tally.taken:,} of {count:,} letters taken.")
        if not confirmed and tally.taken:
            click.echo(
                "Each writer is asked by mail to confirm; what is not confirmed within 7 days is erased."
            )
        if tally.for_review:
            click.echo(f"{tally.for_review:,} of them wait for a person to read them (console, 'Review').")
        for row, reason in rejects[:_SHOWN]:
            click.echo(f"  {file.name} line {row.line}: {shorten(reason, _WIDTH, placeholder=' ...')}")
        if len(rejects) > _SHOWN:
            click.echo(f"  and {len(rejects) - _SHOWN:,} more.")
        if rejects:
            click.echo(f"{len(rejects):,} rows were not taken; they are in {rejected_file} with the reason.")
    if rejects:
        raise SystemExit(FINDING)


def _intake(entrance: Entrance, *, rules_only: bool) -> Intake:
    settings = entrance.settings()
    intake = entrance.house(settings).intake
    return replace(intake, tone=entrance.rules(settings)) if rules_only else intake


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
