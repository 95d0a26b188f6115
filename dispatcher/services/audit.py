"""The promises, checked on what really stands in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dispatcher.domain.delivery import DELIVERY_MOVES, DeliveryState
from dispatcher.domain.letter import LETTER_MOVES, LetterState


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A place where a promise does not hold. rule: its short name; subject and id: the row; what: in words."""

    rule: str
    subject: str
    id: int
    what: str


@dataclass(frozen=True, kw_only=True)
class Audit:
    """totals: approved letters by the state of their latest delivery. by_mission: the same by mission and
    channel. in_doubt: the deliveries that wait for evidence or a person."""

    approved: int
    totals: dict[DeliveryState, int]
    by_mission: dict[tuple[str | None, str | None], dict[DeliveryState, int]]
    in_doubt: tuple[int, ...]
    broken: tuple[Broken, ...]

    @property
    def ok(self) -> bool:
        return not self.broken

    def document(self) -> dict[str, Any]:
        """The contract of `dispatcher audit --json`."""
        return {
            "ok": self.ok,
            "approved": self.approved,
            "totals": {state.value: count for state, count in self.totals.items()},
            "by_mission": [
                {
                    "mission": mission,
                    "channel": channel,
                    "totals": {state.value: count for state, count in states.items()},
                }
                for (mission, channel), states in self.by_mission.items()
            ],
            "in_doubt": list(self.in_doubt),
            "broken": [
                {"rule": each.rule, "subject": each.subject, "id": each.id, "what": each.what}
                for each in self.broken
            ],
        }


class Ledger(Protocol):
    """The questions that the audit asks; each answers ids of rows where something is wrong."""

    def approved(self) -> int: ...

    def latest(self) -> Sequence[tuple[str | None, str | None, str, int]]:
        """(mission, channel, state, letters) of each approved letter's latest delivery."""

    def in_doubt(self) -> Sequence[int]: ...

    def approved_without_delivery(self) -> Sequence[int]: ...

    def delivered_without_approval(self) -> Sequence[int]: ...

    def approvals_that_differ_from_the_log(self) -> Sequence[int]: ...

    def letters_sent_twice(self) -> Sequence[int]: ...

    def deliveries_answered_twice(self) -> Sequence[int]: ...

    def deliveries_without_an_answer(self) -> Sequence[int]: ...

    def rows_that_differ_from_the_log(self) -> Sequence[tuple[str, int]]: ...

    def moves_out_of_order(self) -> Sequence[tuple[str, int]]: ...

    def kinds_of_moves(self) -> Sequence[tuple[str, str | None, str]]:
        """(subject, old, new), each once."""

    def example_of(self, subject: str, old: str | None, new: str) -> int: ...


def audit(ledger: Ledger) -> Audit:
    """Conservation, at most once, and a log that agrees with itself and with the rows."""
    broken: list[Broken] = []

    def found(rule: str, subject: str, ids: Sequence[int], what: str) -> None:
        broken.extend(Broken(rule=rule, subject=subject, id=id, what=what) for id in ids)

    found(
        "conservation",
        "letter",
        ledger.approved_without_delivery(),
        "was approved, and no delivery of it exists",
    )
    found(
        "conservation",
        "letter",
        ledger.delivered_without_approval(),
        "has a delivery, and was never approved",
    )
    found(
        "conservation",
        "letter",
        ledger.approvals_that_differ_from_the_log(),
        "the row and the log disagree on its approval",
    )
    found(
        "at_most_once", "letter", ledger.letters_sent_twice(), "is with its mission by more than one delivery"
    )
    found(
        "at_most_once",
        "delivery",
        ledger.deliveries_answered_twice(),
        "was accepted by the next hop more than once",
    )
    found(
        "honesty",
        "delivery",
        ledger.deliveries_without_an_answer(),
        "counts as accepted, and nothing in the log says so",
    )
    for subject, id in ledger.rows_that_differ_from_the_log():
        found("log", subject, [id], "its state is not the one that the log ends with")
    for subject, id in ledger.moves_out_of_order():
        found("log", subject, [id], "a step of its log does not begin where the one before ended")
    for subject, old, new in ledger.kinds_of_moves():
        if not _legal(subject, old, new):
            found(
                "log",
                subject,
                [ledger.example_of(subject, old, new)],
                f"went from {old} to {new}, which is no legal move",
            )
    totals: dict[DeliveryState, int] = {}
    by_mission: dict[tuple[str | None, str | None], dict[DeliveryState, int]] = {}
    for mission, channel, state, count in ledger.latest():
        each = DeliveryState(state)
        totals[each] = totals.get(each, 0) + count
        by_mission.setdefault((mission, channel), {})[each] = count
    approved = ledger.approved()
    if sum(totals.values()) != approved and not broken:
        found(
            "conservation",
            "letter",
            [0],
            f"{approved} were approved, but {sum(totals.values())} are accounted for",
        )
    return Audit(
        approved=approved,
        totals=totals,
        by_mission=by_mission,
        in_doubt=tuple(ledger.in_doubt()),
        broken=tuple(broken),
    )


def _legal(subject: str, old: str | None, new: str) -> bool:
    if subject == "letter":
        if old is None:
            # A file of confirmed letters is approved, or given to a person, as it comes in.
            return LetterState(new) in {LetterState.SUBMITTED, LetterState.APPROVED, LetterState.IN_REVIEW}
        return LetterState(new) in LETTER_MOVES[LetterState(old)]
    if old is None:
        return DeliveryState(new) in {DeliveryState.QUEUED, DeliveryState.HELD}
    return DeliveryState(new) in DELIVERY_MOVES[DeliveryState(old)]
