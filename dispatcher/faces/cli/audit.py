"""`dispatcher audit`."""

import json

import click

from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.main import FINDING
from dispatcher.faces.marks import MARKS
from dispatcher.services.audit import audit


@click.command("audit")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def audit_command(entrance: Entrance, as_json: bool) -> None:
    """Check on the database that nothing vanished, nothing was sent twice, and the log agrees with itself."""
    house = entrance.house(entrance.settings())
    with house.store.read() as work:
        result = audit(work.ledger)
    if as_json:
        click.echo(json.dumps(result.document()))
    else:
        click.echo(f"{result.approved:,} letters were approved.")
        for state, count in result.totals.items():
            click.echo(f"  {MARKS[state].sign} {count:,} {state.value.replace('_', ' ')}")
        if result.in_doubt:
            click.echo(
                f"In doubt, to be settled with 'dispatcher doubt': {', '.join(map(str, result.in_doubt))}."
            )
        for each in result.broken:
            click.echo(f"  BROKEN ({each.rule}): {each.subject} {each.id} {each.what}.")
        click.echo("All promises hold." if result.ok else f"{len(result.broken):,} findings.")
    if not result.ok:
        raise SystemExit(FINDING)
