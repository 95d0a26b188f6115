"""`dispatcher mail`, `dispatcher evidence`: what comes back, and what it proves."""

import json
import sys
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.mail_words import own_words
from dispatcher.domain.returned_mail import IncomingMail, MailFacts, MailId, MailKind
from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.sending import who
from dispatcher.services.evidence import Evidence
from dispatcher.services.relay_evidence import LogFindings, RelayEvidence
from dispatcher.services.report import instant

# What a person may say that a mail is.
_SETTLED_AS = {
    "answer": MailKind.ANSWER,
    "bounce": MailKind.BOUNCED,
    "delivered": MailKind.DELIVERED,
    "relayed": MailKind.RELAYED,
    "stop": MailKind.STOP,
    "auto": MailKind.AUTO_REPLY,
    "nothing": MailKind.UNSORTED,
}


@click.group("mail")
def mail_command() -> None:
    """Mail that comes back: bounces, automatic replies, answers, and what waits for a person."""


@mail_command.command("pickup")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def pick_up(entrance: Entrance, as_json: bool) -> None:
    """Take what is new in the mailboxes set under [returns]. 'serve' and 'courier' do so by themselves."""
    house = entrance.house(entrance.settings())
    if not house.feedback.sources:
        raise click.UsageError(
            "No mailbox for returned mail is set. Set DISPATCHER_RETURNS__MAILDIR or DISPATCHER_RETURNS__IMAP_HOST."
        )
    result = house.feedback.pick_up()
    waiting = len(house.feedback.all(waiting=True))
    if as_json:
        kinds = {kind.value: count for kind, count in result.kinds.items()}
        click.echo(json.dumps({"taken": kinds, "known": result.again, "waiting": waiting}))
        return
    words = ", ".join(f"{count:,} {_in_words(kind)}" for kind, count in sorted(result.kinds.items()))
    click.echo(f"Taken: {words or 'nothing new'}. {waiting:,} waiting for a person.")


@mail_command.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what is settled.")
@click.option("--kind", type=click.Choice([kind.value for kind in MailKind]))
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def list_mails(entrance: Entrance, everything: bool, kind: str | None, as_json: bool) -> None:
    """Show what waits for a person, the newest first."""
    house = entrance.house(entrance.settings())
    mails = house.feedback.all(waiting=not everything, kind=MailKind(kind) if kind else None)
    if as_json:
        click.echo(json.dumps([_as_document(mail) for mail in mails], ensure_ascii=False))
        return
    for mail in mails:
        about = f"delivery {mail.delivery}" if mail.delivery else "no delivery"
        done = "" if mail.settled_at is None else "  settled"
        click.echo(
            f"{mail.id:>6}  {mail.received_at:%Y-%m-%d %H:%M} UTC  {_in_words(mail.kind):<10}  {about}{done}"
            + (f"  {mail.status}" if mail.status else "")
            + (f"\n        {mail.why}" if mail.why else "")
        )
    click.echo(f"{len(mails):,} mails." if mails else "Nothing waits.")


@mail_command.command("show")
@click.argument("id", type=int)
@click.option("--raw", is_flag=True, help="The mail as it came, to a file or a pager.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def show(entrance: Entrance, id: int, raw: bool, as_json: bool) -> None:
    """Show one mail: what it is taken for, who wrote it, and its words."""
    house = entrance.house(entrance.settings())
    mail, facts = house.feedback.find(MailId(id))
    if raw:
        sys.stdout.buffer.write(mail.content or b"")
        return
    if as_json:
        words = {"from": facts.sender, "subject": facts.subject, "text": facts.text}
        click.echo(json.dumps(_as_document(mail) | words, ensure_ascii=False))
        return
    for line in _page(mail, facts):
        click.echo(_harmless(line))


@mail_command.command("settle")
@click.argument("id", type=int)
@click.option("--as", "kind", type=click.Choice(list(_SETTLED_AS)), required=True, help="What it is.")
@click.option("--delivery", type=int, help="Which delivery it is about, where it does not say.")
@click.option("--reason", prompt="What tells you", help="Kept with the mail and in the log.")
@click.pass_obj
def settle(entrance: Entrance, id: int, kind: str, delivery: int | None, reason: str) -> None:
    """Say what mail ID is; what follows from that is done: an answer is passed on, a bounce opens the next
    channel, a wish to stop pauses the mission."""
    house = entrance.house(entrance.settings())
    about = None if delivery is None else DeliveryId(delivery)
    house.feedback.settle(MailId(id), _SETTLED_AS[kind], delivery=about, reason=reason, by=who())
    click.echo(f"Mail {id} is settled as: {kind}.")


@click.command("evidence")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--relay-log", "logs", multiple=True, metavar="FILE", help="The same as FILE.")
@click.option(
    "--complete",
    is_flag=True,
    help="No line is missing between the first and the last: a letter in doubt that is not named was never taken, and "
    "is queued again.",
)
@click.option(
    "--zone", help="Time zone of stamps without one, as Europe/Amsterdam; this machine's by default."
)
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def evidence_command(
    entrance: Entrance,
    files: tuple[str, ...],
    logs: tuple[str, ...],
    complete: bool,
    zone: str | None,
    as_json: bool,
) -> None:
    """Settle what is in doubt by the mail relay's own log (Postfix; also rotated and gzipped files)."""
    if not files + logs:
        raise click.UsageError("Give the relay's log, for example /var/log/mail.log.")
    house = entrance.house(entrance.settings())
    log = entrance.relay_log(house, _zone(zone)).read(files + logs, now=house.clock.now())
    weighing = RelayEvidence(store=house.store, clock=house.clock, evidence=Evidence(dispatch=house.dispatch))
    found = weighing.weigh(log, complete=complete, by=who())
    if as_json:
        click.echo(json.dumps(vars(found)))
        return
    for line in _finding_lines(found, complete):
        click.echo(line)


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        raise click.UsageError(f"'{name}' is not a time zone; give one as Europe/Amsterdam.") from None


def _finding_lines(found: LogFindings, complete: bool) -> list[str]:
    lines = [
        f"{found.named:,} letters and mails of ours are in the log. Settled: {found.accepted:,} accepted, "
        f"{found.bounced:,} bounced, {found.queued:,} queued again."
    ]
    if found.still_on_the_wire:
        lines.append(f"{found.still_on_the_wire:,} are with a courier at this moment; look again later.")
    if found.begun:
        lines.append(
            f"{found.begun:,} in doubt were begun, and the log does not show that the relay took them. "
            "'dispatcher doubt' settles them."
        )
    if found.unnamed:
        why = (
            f"{found.uncovered:,} of them because the log does not cover their try"
            if found.uncovered
            else "that proves nothing unless no line is missing; if so, add --complete"
        )
        lines.append(
            f"{found.unnamed:,} in doubt are not named: {why}."
            if not complete
            else f"{found.unnamed:,} in doubt stay so: the log does not cover their try."
        )
    return lines


def _as_document(mail: IncomingMail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "kind": mail.kind.value,
        "delivery": mail.delivery,
        "status": mail.status,
        "why": mail.why,
        "received_at": instant(mail.received_at),
        "settled_at": instant(mail.settled_at) if mail.settled_at else None,
        "settled_by": mail.settled_by,
        "passed_on": mail.passed_on,
    }


def _page(mail: IncomingMail, facts: MailFacts) -> list[str]:
    settled = f"settled by {mail.settled_by}" if mail.settled_at else "waits for a person"
    head = [
        f"Mail {mail.id}: {_in_words(mail.kind)} {mail.status}".rstrip() + f", {settled}.",
        mail.why,
        f"About:    {f'delivery {mail.delivery}' if mail.delivery else 'no delivery of ours'}",
        f"From:     {facts.sender}",
        f"Subject:  {facts.subject}",
    ]
    if mail.content is None:
        return [*(line for line in head if line), "", "Its words were erased."]
    words = [f"          {each.action} {each.status} {each.diagnostic}".rstrip() for each in facts.recipients]
    return [*(line for line in head if line), *words, "", *own_words(facts.text).splitlines()]


def _in_words(kind: MailKind) -> str:
    return kind.value.replace("_", " ")


def _harmless(line: str) -> str:
    """A stranger's words must not steer the terminal."""
    return "".join(letter if letter.isprintable() or letter == "\t" else " " for letter in line)
