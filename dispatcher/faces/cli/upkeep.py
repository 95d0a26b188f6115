"""`dispatcher migrate`, `dispatcher check`."""

import json

import click

from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.main import FINDING


@click.command("migrate")
@click.pass_obj
def migrate_command(entrance: Entrance) -> None:
    """Bring the database to the newest form. Every other command does so too; this one does nothing else."""
    done = entrance.migrate(entrance.settings())
    click.echo(
        "The database has the newest form now." if done else "The database had the newest form already."
    )


@click.command("check")
@click.option("--live", is_flag=True, help="Also what live mode needs: addresses, relay, DNS.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def check_command(entrance: Entrance, live: bool, as_json: bool) -> None:
    """List what is not right yet. Findings of severity 'warn' can be accepted by id (check.accept)."""
    findings = entrance.check(entrance.settings(), live=live)
    blocked = [finding for finding in findings if finding.blocks]
    if as_json:
        rows = [
            {
                "id": each.id,
                "severity": each.severity.value,
                "message": each.message,
                "accepted": each.accepted,
            }
            for each in findings
        ]
        click.echo(json.dumps({"ok": not blocked, "findings": rows}, ensure_ascii=False))
    else:
        for each in findings:
            click.echo(
                f"{'accepted' if each.accepted else each.severity.value:<8}  {each.id}: {each.message}"
            )
        click.echo(_verdict(len(blocked), live))
    if blocked:
        raise SystemExit(FINDING)


def _verdict(count: int, live: bool) -> str:
    if not count:
        return (
            "Ready to go live."
            if live
            else "All is well for a rehearsal. 'dispatcher check --live' looks at what live mode needs."
        )
    return f"{count} finding{'s' if count > 1 else ''} to mend, or, where it says 'warn', to accept by id with DISPATCHER_CHECK__ACCEPT."
