"""`dispatcher release`, `pause`, `resume`."""

import getpass

import click

from dispatcher.domain.campaign import CampaignId
from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.second_reading import read_waiting
from dispatcher.services.pauses import PauseScope
from dispatcher.services.pausing import EVERYTHING


@click.command("release")
@click.option("--campaign", required=True, help="The campaign's id.")
@click.option(
    "--now", is_flag=True, help="From this moment on, whatever the hour; each mission's pace is kept."
)
@click.pass_obj
def release_command(entrance: Entrance, campaign: str, now: bool) -> None:
    """Give each waiting letter of a campaign its hour anew, by the directory and pacing as they are now.

    With --now the letters leave at once instead of on the action day. A courier must be running to send them.
    """
    house = entrance.house(entrance.settings())
    chosen = house.campaigns.get(CampaignId(campaign))
    read_waiting(house)
    with house.store.write() as work:
        house.dispatch.reroute(work, at=house.clock.now())
        count = house.dispatch.release(work, chosen, at=house.clock.now(), now=now)
    house.preparation.prepare_all()
    when = "from now on" if now else "by the timetable"
    where = "will leave this machine" if house.live else "will be laid in the mailroom (rehearsal)"
    click.echo(f"{count:,} letters have their hour; {when} they {where}.")


def _scope(mission: str | None, campaign: str | None, everything: bool) -> tuple[PauseScope, str]:
    if (mission is not None) + (campaign is not None) + everything != 1:
        raise click.UsageError("Give one of --mission ID, --campaign ID or --all.")
    if mission is not None:
        return PauseScope.MISSION, mission
    if campaign is not None:
        return PauseScope.CAMPAIGN, campaign
    return PauseScope.ALL, EVERYTHING


def _name(scope: PauseScope, key: str) -> str:
    return "All sending" if scope is PauseScope.ALL else f"{scope.value.capitalize()} {key}"


@click.command("pause")
@click.option("--mission", help="The mission's id.")
@click.option("--campaign", help="The campaign's id.")
@click.option("--all", "everything", is_flag=True, help="Everything, mails to supporters too.")
@click.option("--reason", default="", help="Why; kept in the log.")
@click.pass_obj
def pause_command(
    entrance: Entrance, mission: str | None, campaign: str | None, everything: bool, reason: str
) -> None:
    """Stop sending to one mission, for one campaign, or altogether. It takes hold with the next letter."""
    scope, key = _scope(mission, campaign, everything)
    house = entrance.house(entrance.settings())
    held = house.pausing.pause(scope, key, by=who(), reason=reason)
    click.echo(f"{_name(scope, key)} is paused; {held:,} letters are held.")


@click.command("resume")
@click.option("--mission", help="The mission's id.")
@click.option("--campaign", help="The campaign's id.")
@click.option("--all", "everything", is_flag=True, help="Lift the pause of everything.")
@click.pass_obj
def resume_command(entrance: Entrance, mission: str | None, campaign: str | None, everything: bool) -> None:
    """Let it go on."""
    scope, key = _scope(mission, campaign, everything)
    house = entrance.house(entrance.settings())
    was, lifted = house.pausing.resume(scope, key, by=who())
    click.echo(
        f"{_name(scope, key)} {'goes on' if was else 'was not paused'}; {lifted:,} letters are queued again."
    )


def who() -> str:
    """The operator, as the log names them."""
    try:
        return f"operator {getpass.getuser()}"[:40]
    except (OSError, KeyError):
        return "operator"
