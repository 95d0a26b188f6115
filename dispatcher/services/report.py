"""The delivery log in the form that organizers and other programs get it."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from dispatcher.domain.delivery import DeliveryState
from dispatcher.services.store import LogFilter, LogRow, Store

_PAGE = 5_000


def log_rows(store: Store, which: LogFilter) -> Iterator[LogRow]:
    """All rows, read in pages so that a long log does not fill the memory."""
    offset = 0
    while True:
        with store.read() as work:
            rows = work.outbox.log(which, limit=_PAGE, offset=offset)
        yield from rows
        if len(rows) < _PAGE:
            return
        offset += len(rows)


def as_document(row: LogRow) -> dict[str, Any]:
    """The contract of `dispatcher log --json`: times in UTC, ISO 8601."""
    delivery = row.delivery
    return {
        "letter": delivery.letter,
        "delivery": delivery.id,
        "campaign": delivery.campaign,
        "mission": delivery.mission,
        "channel": delivery.channel.value if delivery.channel else None,
        "recipient": delivery.recipient,
        "state": delivery.state.value,
        "reason": delivery.reason,
        "due_at": instant(delivery.due_at),
        "message_id": delivery.message_id,
        "attempts": [
            {
                "at": instant(attempt.at),
                "outcome": attempt.outcome.kind.value,
                "code": attempt.outcome.code,
                "enhanced_code": attempt.outcome.enhanced_code,
                "reply": attempt.outcome.reply,
                "provider_ref": attempt.outcome.provider_ref,
            }
            for attempt in row.attempts
        ],
    }


def instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def first_line(totals: Mapping[DeliveryState, int], in_review: int, unread: int = 0) -> str:
    """The board's sentence. unread: letters that wait for their second reading."""
    state = DeliveryState
    gone = {state.FAILED, state.BOUNCED, state.CANCELLED}
    all_letters = sum(count for each, count in totals.items() if each not in gone)
    there = totals.get(state.ACCEPTED, 0) + totals.get(state.DELIVERED, 0)
    needs = totals.get(state.HELD, 0) + totals.get(state.IN_DOUBT, 0) + in_review
    sentence = f"{there:,} of {all_letters:,} letters are with their missions."
    if unread:
        sentence += f" {unread:,} more wait{'s' if unread == 1 else ''} for the second reading."
    if needs == 0:
        return sentence + " Nothing needs you."
    return sentence + f" {needs:,} need{'s' if needs == 1 else ''} you."
