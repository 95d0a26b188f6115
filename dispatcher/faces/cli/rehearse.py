"""`dispatcher rehearse`."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import cycle, islice
from textwrap import shorten

import click

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.letter import LetterState
from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.log import print_log
from dispatcher.faces.cli.progress import progress
from dispatcher.faces.marks import MARKS
from dispatcher.services.intake import Draft
from dispatcher.services.rehearsal import Result
from dispatcher.settings import Settings
from dispatcher.shelf import resource

_SHOWN = 10
_WIDTH = 140
_KINDS = (LetterState.APPROVED, LetterState.IN_REVIEW, LetterState.CONFIRMED)


@click.command("rehearse")
@click.option(
    "--letters", type=click.IntRange(1, 1_000_000), help="So many made-up letters, from the examples."
)
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="The action day to play; the next one by default."
)
@click.option("--log/--no-log", "with_log", default=True, help="Print the delivery log at the end.")
@click.pass_obj
def rehearse_command(entrance: Entrance, letters: int | None, day: datetime | None, with_log: bool) -> None:
    """Play the whole action day on a simulated clock; nothing leaves this machine.

    Played are the letters that you have; where there are none, or with --letters, the example letters. All of it
    happens in the folder data/rehearsal, which is emptied first: your own letters and log are not touched.
    """
    settings = entrance.settings()
    started = time.monotonic()
    drafts, whose = _drafts(entrance, settings, letters)
    rehearsal = entrance.rehearsal(settings, day.date() if day else None)
    with progress("Opening the house", unit="letters") as bar:
        result = rehearsal.play(drafts, bar.show)
    if with_log:
        print_log(rehearsal.house)
    _tell(result, whose, len(drafts), time.monotonic() - started)
    click.echo(
        f"\nThe mailroom and the log of this rehearsal are in {settings.data / 'rehearsal'}; to look at them in the console:"
    )
    click.echo(f"  DISPATCHER_DATA={settings.data / 'rehearsal'} dispatcher serve")


def _drafts(entrance: Entrance, settings: Settings, letters: int | None) -> tuple[list[Draft], str]:
    if letters is None:
        own = _own_letters(entrance, settings)
        if own:
            return own, "letters of yours"
    source = entrance.letter_files().read_letters(resource("config", "examples", "letters.csv"))
    examples = [row.draft for row in source.rows if row.problem is None]
    if letters is None:
        return examples, "example letters"
    return list(islice(_many(examples), letters)), "made-up letters"


def _own_letters(entrance: Entrance, settings: Settings) -> list[Draft]:
    house = entrance.house(settings)
    with house.store.read() as work:
        found = [letter for state in _KINDS for letter in work.letters.in_state(state, limit=1_000_000)]
    return [
        Draft(
            name=letter.name or "",
            email=letter.email or "",
            country=letter.country,
            region=letter.region or "",
            city=letter.city or "",
            organisation=letter.organisation or "",
            language=letter.language,
            shielded="yes" if letter.shielded else "no",
            letter=letter.text or "",
            wants_person=letter.asked_for_person,
        )
        for letter in found
    ]


def _many(examples: list[Draft]) -> Iterator[Draft]:
    """The examples again and again, each time by somebody else."""
    for number, draft in enumerate(cycle(examples)):
        yield replace(draft, email=f"supporter-{number}@example.net") if "@" in draft.email else draft


def _tell(result: Result, whose: str, count: int, seconds: float) -> None:
    click.echo(f"\nRehearsal of {result.day:%A, %d %B %Y} with {count:,} {whose}, played in {seconds:.1f} s.")
    click.echo(
        f"{result.taken:,} letters were taken, {result.in_review:,} of them wait for a person, "
        f"{len(result.refusals):,} go back to their writers."
    )
    for refusal in result.refusals[:_SHOWN]:
        reason = shorten(" ".join(refusal.reasons), _WIDTH, placeholder=" ...")
        click.echo(f"  letter {refusal.position + 1}: {reason}")
    states = [state for state in DeliveryState if any(counts[state] for counts in result.by_region.values())]
    click.echo("\nBy region:")
    for region, counts in result.by_region.items():
        parts = [
            f"{MARKS[state].sign} {counts[state]:,} {state.value.replace('_', ' ')}"
            for state in states
            if counts[state]
        ]
        click.echo(f"  {region:<12} {'   '.join(parts)}")
    if not result.late:
        click.echo("\nEvery mission's letters fit into its office hours on the day.")
        return
    click.echo("\nThese missions' letters do not all fit into the day at this pace:")
    for late in result.late[:_SHOWN]:
        click.echo(
            f"  {late.name}: {late.on_the_day:,} of {late.letters:,} on the day; the last leaves on "
            f"{late.finishes:%A %d %B %H:%M} UTC."
        )
    if len(result.late) > _SHOWN:
        click.echo(f"  and {len(result.late) - _SHOWN} more.")
