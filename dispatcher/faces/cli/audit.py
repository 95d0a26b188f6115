"""`dispatcher audit`."""

import json

import click

from dispatcher.domain.delivery import DeliveryState
from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.main import FINDING
from dispatcher.faces.marks import MARKS
from dispatcher.services.audit import Audit, audit


@click.command("audit")
@click.option("--json", "as_json", is_flag=True)
@click.option(
    "--head", help="A hash of the log's chain that was noted down earlier: shows whether it was cut off."
)
@click.pass_obj
def audit_command(entrance: Entrance, as_json: bool, head: str | None) -> None:
    """Check on the database that nothing vanished, nothing was sent twice, and the log is what was sealed."""
    house = entrance.house(entrance.settings())
    with house.store.read() as work:
        result = audit(work.ledger, head=head.strip().lower() if head else None)
    if as_json:
        click.echo(json.dumps(result.document()))
    else:
        _print(result)
    if not result.ok:
        raise SystemExit(FINDING)


def _print(result: Audit) -> None:
    click.echo(f"Letters approved: {result.approved:,}.")
    for state, count in result.totals.items():
        click.echo(f"  {MARKS[state].sign} {count:,} {state.value.replace('_', ' ')}")
    _print_missions(result)
    if result.in_doubt:
        click.echo(
            f"In doubt, to be settled with 'dispatcher doubt': {', '.join(map(str, result.in_doubt))}."
        )
    _print_chain(result)
    for each in result.broken:
        click.echo(f"  BROKEN ({each.rule}): {each.subject} {each.id} {each.what}.")
    click.echo("All promises hold." if result.ok else f"Findings: {len(result.broken):,}.")


def _print_missions(result: Audit) -> None:
    """A row for each mission and channel, a column for each state that there is."""
    states = [state for state in DeliveryState if state in result.totals]
    if not states:
        return
    names = [(mission or "none", channel or "none") for mission, channel in result.by_mission]
    width = max(len("mission"), *(len(mission) for mission, _ in names))
    click.echo("")
    heads = "".join(f"{state.value.replace('_', ' '):>11}" for state in states)
    click.echo(f"{'mission':<{width}}  {'by':<6}{heads}")
    for (mission, channel), totals in zip(names, result.by_mission.values(), strict=True):
        cells = "".join(f"{totals[state]:>11,}" if state in totals else " " * 11 for state in states)
        click.echo(f"{mission:<{width}}  {channel:<6}{cells}".rstrip())
    click.echo("")


def _print_chain(result: Audit) -> None:
    chain = result.chain
    if chain.blocks:
        click.echo(f"Sealed blocks of the log: {chain.blocks:,}. Head of the chain: {chain.head}")
    if chain.unsealed:
        since = (
            f" (the oldest since {chain.unsealed_since:%Y-%m-%d %H:%M} UTC)" if chain.unsealed_since else ""
        )
        click.echo(f"Rows of the log that wait for their seal: {chain.unsealed:,}{since}.")
