"""`dispatcher migrate`, `check`, `backup`, `restore`."""

import json
from pathlib import Path

import click

from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.main import FINDING
from dispatcher.faces.cli.second_reading import in_words
from dispatcher.services.backup import Restored, restore


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
    settings = entrance.settings()
    findings = entrance.check(settings, live=live)
    waiting = entrance.house(settings).second_reading.waiting()
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
        click.echo(
            json.dumps({"ok": not blocked, "findings": rows, "second_reading": waiting}, ensure_ascii=False)
        )
    else:
        for each in findings:
            click.echo(
                f"{'accepted' if each.accepted else each.severity.value:<8}  {each.id}: {each.message}"
            )
        if waiting:
            click.echo(in_words(waiting))
        click.echo(_verdict(len(blocked), live))
    if blocked:
        raise SystemExit(FINDING)


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def backup_command(entrance: Entrance, file: Path) -> None:
    """Copy the database into FILE while everything runs. The key that opens it is not in it: keep that apart."""
    settings = entrance.settings()
    note = entrance.backups(settings).save(file, at=entrance.clock().now())
    click.echo(f"{file} holds the database as it was at {note.at:%Y-%m-%d %H:%M:%S} UTC.")
    click.echo(
        f"It can only be read with the key {settings.secret_path} (fingerprint {note.key}), which is not in it: keep a "
        "copy of the key in another place."
    )
    click.echo(f"Head of the sealed log: {note.head} ({note.blocks:,} blocks)")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--into",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The new data folder.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The key file; by default secret.key in the new folder, or the one of the settings.",
)
@click.option("--anyway", is_flag=True, help="Keep it even if the audit finds something.")
@click.pass_obj
def restore_command(entrance: Entrance, file: Path, folder: Path, key: Path | None, anyway: bool) -> None:
    """Lay a backup out in a new data folder, after checking file, key and promises. All sending is paused then:
    letters that wait in the backup may have left after it was made."""
    backups = entrance.backups(entrance.settings())
    done = restore(backups, file, folder, key=key, clock=entrance.clock(), anyway=anyway)
    for each in done.audit.broken:
        click.echo(f"  BROKEN ({each.rule}): {each.subject} {each.id} {each.what}.")
    click.echo(_restored(done, file, folder))
    if not done.audit.ok:
        raise SystemExit(FINDING)


def _restored(done: Restored, file: Path, folder: Path) -> str:
    if not done.kept:
        return f"The audit of {file} found something, so nothing was restored; --anyway restores it as it is."
    return (
        f"{folder} holds the installation as it was at {done.note.at:%Y-%m-%d %H:%M} UTC; use it with DISPATCHER_DATA.\n"
        f"All sending is paused. {_waiting(done)}"
    )


def _waiting(done: Restored) -> str:
    if not done.waiting:
        return "No letter was waiting then; 'dispatcher resume --all' lets the work go on."
    return (
        f"{done.waiting:,} letters had not left then; the hour of {done.come_due:,} of them has come since, so they may "
        "have left after the backup: compare their Message-IDs ('dispatcher log --state held --json') with the relay's "
        "log before 'dispatcher resume --all'."
    )


def _verdict(count: int, live: bool) -> str:
    if not count:
        return (
            "Ready to go live."
            if live
            else "All is well for a rehearsal. 'dispatcher check --live' looks at what live mode needs."
        )
    return f"{count} finding{'s' if count > 1 else ''} to mend, or, where it says 'warn', to accept by id with DISPATCHER_CHECK__ACCEPT."
