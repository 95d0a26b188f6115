"""`dispatcher doubt`."""

import json

import click

from dispatcher.domain.delivery import Delivery, DeliveryId
from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.sending import who
from dispatcher.services.doubt import Doubt
from dispatcher.services.report import as_document


@click.group("doubt")
def doubt_command() -> None:
    """Settle deliveries of which nobody knows whether they arrived.

    They were on the wire when the line, or this program, broke off. Look into the relay's log for the Message-ID;
    what you find decides, and your reason is logged. Nothing in doubt is ever sent again by itself.
    """


@doubt_command.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def list_doubts(entrance: Entrance, as_json: bool) -> None:
    """Show what is in doubt."""
    rows = _doubt(entrance).all()
    if as_json:
        click.echo(
            json.dumps(
                [{**as_document(row), "notice": row.delivery.notice} for row in rows], ensure_ascii=False
            )
        )
        return
    for row in rows:
        click.echo(
            f"{row.delivery.id:>8}  letter {row.delivery.letter}  {_to(row.delivery)}  "
            f"since {row.delivery.moved_at:%Y-%m-%d %H:%M} UTC  {row.delivery.message_id}"
        )
    click.echo(f"{len(rows):,} in doubt." if rows else "Nothing is in doubt.")


@doubt_command.command("sent")
@click.argument("id", type=int)
@click.option("--reason", prompt="What tells you that it was sent", help="The evidence; it is logged.")
@click.pass_obj
def settle_sent(entrance: Entrance, id: int, reason: str) -> None:
    """The relay's log shows that it took delivery ID."""
    _doubt(entrance).sent(DeliveryId(id), reason=reason, by=who())
    click.echo(f"Delivery {id} counts as accepted.")


@doubt_command.command("resend")
@click.argument("id", type=int)
@click.option("--reason", prompt="What tells you that it was never sent", help="The evidence; it is logged.")
@click.pass_obj
def settle_resend(entrance: Entrance, id: int, reason: str) -> None:
    """The relay's log shows that it never took delivery ID: send it again."""
    _doubt(entrance).resend(DeliveryId(id), reason=reason, by=who())
    click.echo(f"Delivery {id} is queued again.")


def _to(delivery: Delivery) -> str:
    if delivery.notice is None:
        return delivery.mission or ""
    return f"mail to the supporter ({delivery.notice.value})"


def _doubt(entrance: Entrance) -> Doubt:
    house = entrance.house(entrance.settings())
    return Doubt(store=house.store, clock=house.clock)
