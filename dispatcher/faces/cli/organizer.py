"""`dispatcher organizer`."""

import click

from dispatcher.faces.cli.entrance import Entrance
from dispatcher.services.organizers import Role


@click.group("organizer")
def organizer_command() -> None:
    """Who may sign in to the console. There are no passwords: each sign-in takes a link that works once."""


@organizer_command.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="viewer", show_default=True)
@click.pass_obj
def add_organizer(entrance: Entrance, name: str, role: str) -> None:
    """Add NAME and print their first link."""
    house = entrance.house(entrance.settings())
    house.sign_in.add(name, Role(role))
    click.echo(f"{house.public_url}/console/enter/{house.sign_in.link(name)}")


@organizer_command.command("link")
@click.argument("name")
@click.pass_obj
def link_organizer(entrance: Entrance, name: str) -> None:
    """Print a new one-time sign-in link for NAME; it is good for an hour."""
    house = entrance.house(entrance.settings())
    click.echo(f"{house.public_url}/console/enter/{house.sign_in.link(name)}")


@organizer_command.command("disable")
@click.argument("name")
@click.pass_obj
def disable_organizer(entrance: Entrance, name: str) -> None:
    """NAME can no longer sign in, and their sessions end at once."""
    house = entrance.house(entrance.settings())
    house.sign_in.disable(name)
    click.echo(f"{name} can no longer sign in.")


@organizer_command.command("list")
@click.pass_obj
def list_organizers(entrance: Entrance) -> None:
    """Show all."""
    for organizer in entrance.house(entrance.settings()).sign_in.all():
        click.echo(f"{organizer.name}  {organizer.role.value}{'  (disabled)' if organizer.disabled else ''}")
