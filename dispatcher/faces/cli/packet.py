"""`dispatcher packet`."""

from pathlib import Path

import click

from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.second_reading import read_waiting
from dispatcher.services.packet import Packets


@click.command("packet")
@click.option("--mission", required=True, help="The mission's id.")
@click.option("--out", type=click.Path(path_type=Path), help="The PDF to write; MISSION.pdf by default.")
@click.pass_obj
def packet_command(entrance: Entrance, mission: str, out: Path | None) -> None:
    """A mission's letters that wait for paper, as one PDF to print and hand over. It changes no letter's state."""
    house = entrance.house(entrance.settings())
    read_waiting(house)
    target = out or Path(f"{mission}.pdf")
    count, pages = Packets(house=house, pages=entrance.pages()).write(mission, target)
    click.echo(
        f"{count:,} letters on {pages:,} pages are in {target}."
        if count
        else "No letter waits for paper there."
    )
