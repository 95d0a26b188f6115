"""`dispatcher missions`."""

import json
from pathlib import Path
from typing import Any

import click

from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.letter import LetterId
from dispatcher.domain.mission import Contact, ContactKind, Grade, Health, Mission, MissionId
from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.main import FINDING
from dispatcher.faces.cli.sending import who
from dispatcher.services.directory_update import DirectoryUpdate
from dispatcher.services.house import House

_SHOWN = 40
_SETTABLE = {"email": ContactKind.EMAIL, "fax": ContactKind.FAX, "address": ContactKind.ADDRESS}


class NoSuchContact(DispatcherError):
    """Mission {mission} has no {kind} '{value}'. 'dispatcher missions show {mission}' lists its contacts."""


@click.group("missions")
def missions_command() -> None:
    """The directory of embassies and consulates."""


@missions_command.command("list")
@click.option("--country", help="Only missions to this country.")
@click.option("--without-contact", is_flag=True, help="Only missions that no letter can reach.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def list_missions(entrance: Entrance, country: str | None, without_contact: bool, as_json: bool) -> None:
    """Show all missions with the number of their usable contacts."""
    house = entrance.house(entrance.settings())
    code = house.places.country_code(country) if country else None
    chosen = [
        mission
        for mission in _missions(house)
        if (country is None or mission.country == code) and not (without_contact and _usable(mission))
    ]
    if as_json:
        click.echo(json.dumps([_document(mission) for mission in chosen], ensure_ascii=False))
        return
    for mission in chosen:
        kinds = sorted({contact.kind.value for contact in _usable(mission)})
        click.echo(f"{mission.id:<28} {mission.name}  ({', '.join(kinds) or 'no usable contact'})")
    click.echo(f"{len(chosen)} missions.")


@missions_command.command("show")
@click.argument("mission")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def show_mission(entrance: Entrance, mission: str, as_json: bool) -> None:
    """Show MISSION with every contact, its source, date, grade and health."""
    house = entrance.house(entrance.settings())
    with house.store.read() as work:
        found = house.routing.present(work).mission(mission)
    if as_json:
        click.echo(json.dumps(_document(found), ensure_ascii=False))
        return
    click.echo(
        f"{found.name} ({found.id})\n{found.city}, {found.country_name}; {found.time_zone}; {found.website}"
    )
    for contact in found.contacts:
        click.echo(
            f"  {contact.kind.value:<8} {contact.value}\n           {contact.role}; grade {contact.grade.value}, "
            f"source {contact.source} ({contact.as_of}); {contact.health.value}"
            + ("" if contact.used else "; kept for the record, not used")
            + (f"; {contact.note}" if contact.note else "")
        )


@missions_command.command("set")
@click.argument("mission")
@click.option("--email", help="A mailbox.")
@click.option("--fax", help="A number, as +49...")
@click.option("--address", help="A street address.")
@click.option("--covers", help="A country (code or name) without a mission of its own: its letters go here.")
@click.option("--role", default="main", show_default=True)
@click.option("--source", required=True, help="Where it comes from; kept with the contact.")
@click.pass_obj
def set_contact(
    entrance: Entrance,
    mission: str,
    email: str | None,
    fax: str | None,
    address: str | None,
    covers: str | None,
    role: str,
    source: str,
) -> None:
    """Add a contact to MISSION, or correct one, or let it cover a country; letters that wait are sent to where
    they would go now."""
    contacts = (("email", email), ("fax", fax), ("address", address), ("covers", covers))
    given = [(name, value) for name, value in contacts if value]
    if len(given) != 1:
        raise click.UsageError("Give one of --email, --fax, --address, --covers.")
    name, typed = given[0]
    house = entrance.house(entrance.settings())
    if name == "covers":
        _cover(house, mission, typed, f"{source} ({who()})")
        return
    value = entrance.directory_files().contact_value(_SETTABLE[name], typed)
    now = house.clock.now()
    with house.store.write() as work:
        house.routing.present(work).mission(mission)
        work.directory.set_contact(
            Contact(
                mission=MissionId(mission),
                kind=_SETTABLE[name],
                value=value,
                role=role,
                grade=Grade.A,
                source=f"{source} ({who()})",
                as_of=f"{now:%Y-%m-%d}",
                health=Health.VERIFIED,
            ),
            at=now,
        )
        changed = house.dispatch.reroute(work, at=now)
    click.echo(f"{mission} has the {name} {value} now; {changed:,} waiting letters were sent another way.")


def _cover(house: House, mission: str, country: str, source: str) -> None:
    code = house.places.country_code(country)
    if code is None:
        raise click.UsageError(
            "The country is not known by that name. Give its usual name or its two-letter code."
        )
    now = house.clock.now()
    with house.store.write() as work:
        found = house.routing.present(work).mission(mission)
        work.directory.cover(code, house.places.country_name(code, "en"), found.id, source=source, at=now)
        changed = house.dispatch.reroute(work, at=now)
    click.echo(f"Letters from {code} go to {mission} now; {changed:,} waiting letters were sent another way.")


@missions_command.command("choose")
@click.argument("mission")
@click.option("--letter", type=int, required=True, help="The letter's number, as the log shows it.")
@click.pass_obj
def choose_mission(entrance: Entrance, mission: str, letter: int) -> None:
    """Send one letter that is held to MISSION, where its place does not decide."""
    house = entrance.house(entrance.settings())
    with house.store.write() as work:
        changed = house.dispatch.choose(work, LetterId(letter), mission, at=house.clock.now())
    click.echo(
        f"Letter {letter} goes to {mission}."
        if changed
        else f"Letter {letter} is not waiting; nothing was changed."
    )
    if not changed:
        raise SystemExit(FINDING)


@missions_command.command("verify")
@click.argument("mission")
@click.argument("value")
@click.option("--dead", is_flag=True, help="It does not work: never use it again.")
@click.pass_obj
def verify_contact(entrance: Entrance, mission: str, value: str, dead: bool) -> None:
    """Note that a person has checked a contact of MISSION (VALUE: its mailbox, number or address)."""
    house = entrance.house(entrance.settings())
    now = house.clock.now()
    with house.store.write() as work:
        found = house.routing.present(work).mission(mission)
        kinds = {contact.kind for contact in found.contacts if contact.value == value}
        if not kinds:
            raise NoSuchContact(mission=mission, kind="contact", value=value)
        for kind in kinds:
            work.directory.set_health(found.id, kind, value, Health.DEAD if dead else Health.VERIFIED, at=now)
        changed = house.dispatch.reroute(work, at=now)
    state = "is not used any more" if dead else "is noted as checked"
    click.echo(f"{value} {state}; {changed:,} waiting letters were sent another way.")


@missions_command.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Take it without asking.")
@click.pass_obj
def import_missions(entrance: Entrance, folder: Path, yes: bool) -> None:
    """Take a newer directory from FOLDER (or one of its CSV files): shows the difference first."""
    settings = entrance.settings()
    house = entrance.house(settings)
    update = DirectoryUpdate(
        house=house, files=entrance.directory_files(), clock=house.clock, base=settings.missions_folder
    )
    difference = update.difference(folder)
    lines = difference.lines()
    for line in lines[:_SHOWN]:
        click.echo(line)
    if len(lines) > _SHOWN:
        click.echo(f"and {len(lines) - _SHOWN:,} more changes")
    if not difference:
        return
    if not yes and not click.confirm("Take these changes?", default=False):
        click.echo("Nothing was changed.")
        raise SystemExit(FINDING)
    changed = update.take(folder)
    click.echo(f"Taken. {changed:,} waiting letters were sent another way.")


def _missions(house: House) -> tuple[Mission, ...]:
    with house.store.read() as work:
        return house.routing.present(work).directory.missions


def _usable(mission: Mission) -> list[Contact]:
    return [
        contact
        for contact in mission.contacts
        if contact.used
        and contact.valid
        and contact.health is not Health.DEAD
        and contact.kind is not ContactKind.PHONE
    ]


def _document(mission: Mission) -> dict[str, Any]:
    return {
        "id": mission.id,
        "kind": mission.kind.value,
        "country": mission.country,
        "region": mission.region,
        "city": mission.city,
        "time_zone": mission.time_zone,
        "name": mission.name,
        "website": mission.website,
        "contacts": [
            {
                "kind": contact.kind.value,
                "value": contact.value,
                "role": contact.role,
                "grade": contact.grade.value,
                "source": contact.source,
                "as_of": contact.as_of,
                "used": contact.used,
                "health": contact.health.value,
                "note": contact.note,
            }
            for contact in mission.contacts
        ],
    }
