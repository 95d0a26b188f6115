"""`dispatcher route`."""

import json
from typing import Any

import click

from dispatcher.domain.delivery import remedy
from dispatcher.domain.entry import Unusable
from dispatcher.domain.place import Place
from dispatcher.domain.routing import Route
from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.text_input import json_rows
from dispatcher.services.campaigns import coming_day
from dispatcher.services.house import House


@click.command("route")
@click.option("--country", help="ISO 3166-1 code, or a name in any of the nine languages.")
@click.option("--region", default="", help="ISO 3166-2 code or name.")
@click.option("--city", default="")
@click.option("--json", "as_json", is_flag=True)
@click.option(
    "--jsonl", "file", help="A file (or -) with a line {country, region, city} each; answers a line each."
)
@click.pass_obj
def route_command(
    entrance: Entrance, country: str | None, region: str, city: str, as_json: bool, file: str | None
) -> None:
    """Show which mission a letter from a place goes to, by which channels, and why."""
    house = entrance.house(entrance.settings())
    if file:
        _lines(house, file)
        return
    if not country:
        raise click.UsageError("Give --country, or a file with --jsonl.")
    try:
        found, considered = _find(house, country, region, city)
    except Unusable as unusable:
        raise click.UsageError(str(unusable)) from None
    if as_json:
        click.echo(json.dumps(considered, ensure_ascii=False))
        return
    click.echo(found.reason)
    if found.question:
        click.echo(found.question.text)
    for choice in found.channels:
        click.echo(
            f"  {choice.channel.value:<6} {choice.contact.value}  (grade {choice.grade.value}, {choice.as_of})"
        )
    if found.held:
        click.echo(f"  held: {found.held.value.replace('_', ' ')}. {remedy(found.held)}")
    others = [each for each in found.considered if not each.used]
    if others:
        click.echo("Not used:")
    for each in others:
        click.echo(f"  {each.contact.kind.value:<6} {each.contact.value}: {each.why}")


def _lines(house: House, file: str) -> None:
    for _, row in json_rows(file):
        try:
            _, document = _find(
                house, str(row["country"]), str(row.get("region") or ""), str(row.get("city") or "")
            )
        except (ValueError, KeyError):
            document = {"error": "The line is not a JSON object with a key country."}
        except Unusable as unusable:
            document = {"country": row["country"], "error": str(unusable)}
        click.echo(json.dumps(document, ensure_ascii=False))


def _find(house: House, country: str, region: str, city: str) -> tuple[Route, dict[str, Any]]:
    place = house.intake.place(country=country, region=region, city=city)
    campaign = house.campaigns.active
    with house.store.read() as work:
        found = house.routing.present(work).route(
            place, campaign, on=coming_day(campaign, house.clock.now()), shielded=False
        )
    return found, as_document(found, place)


def as_document(found: Route, place: Place) -> dict[str, Any]:
    """The contract of `dispatcher route --json`."""
    return {
        "country": place.country,
        "region": place.region,
        "mission": found.mission,
        "channels": [
            {
                "channel": choice.channel.value,
                "contact": choice.contact.value,
                "role": choice.contact.role,
                "grade": choice.grade.value,
                "as_of": choice.as_of,
            }
            for choice in found.channels
        ],
        "held": found.held.value if found.held else None,
        "reason": f"{found.reason} {remedy(found.held)}" if found.held else found.reason,
        "question": {"candidates": list(found.question.candidates), "text": found.question.text}
        if found.question
        else None,
        "considered": [
            {
                "kind": each.contact.kind.value,
                "contact": each.contact.value,
                "role": each.contact.role,
                "grade": each.contact.grade.value,
                "as_of": each.contact.as_of,
                "used": each.used,
                "why": each.why,
            }
            for each in found.considered
        ],
    }
