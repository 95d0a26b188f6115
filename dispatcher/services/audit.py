"""The promises, checked on what really stands in the database."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from dispatcher.domain.balance import Balance, LetterRow, OutboxRow
from dispatcher.domain.delivery import DELIVERY_MOVES, GIVEN_BACK, DeliveryState, as_logged
from dispatcher.domain.letter import LETTER_MOVES, LetterState
from dispatcher.domain.log_replay import DELIVERY, LETTER, Replay
from dispatcher.domain.seal_chain import Chain, read_chain
from dispatcher.domain.sealing import LogPages, Seal

# More of one kind would not be read; the exit code is 1 all the same.
_SHOWN = 1000

_S = LetterState
_Totals = dict[DeliveryState, int]
_ByMission = dict[tuple[str | None, str | None], _Totals]


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
    channel. in_doubt: the deliveries that wait for evidence or a person. chain: the seals of the log."""

    approved: int
    totals: _Totals
    by_mission: _ByMission
    in_doubt: tuple[int, ...]
    chain: Chain
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
            "seals": {
                "blocks": self.chain.blocks,
                "head": self.chain.head,
                "unsealed_rows": self.chain.unsealed,
                "unsealed_since": self.chain.unsealed_since.isoformat()
                if self.chain.unsealed_since
                else None,
            },
            "broken": [
                {"rule": each.rule, "subject": each.subject, "id": each.id, "what": each.what}
                for each in self.broken
            ],
        }


class Ledger(Protocol):
    """The questions that the audit asks; most answer ids of rows where something is wrong."""

    def in_doubt(self) -> Sequence[int]: ...

    def deliveries_answered_twice(self) -> Sequence[int]: ...

    def deliveries_without_an_answer(self) -> Sequence[int]: ...

    def letters_once_taken(self, ids: Sequence[int]) -> set[int]:
        """Those of these letters of which the log says that a delivery was with the mission at some time."""

    def attempts_of_nobody(self) -> Sequence[int]:
        """Deliveries that attempts name and that there are not."""

    def deliveries_wrongly_marked(self) -> Sequence[int]:
        """Whose marks, by which the database keeps a letter from two channels at once and finds what is looked for, are
        not those of their state."""

    def deliveries_out_of_line(self) -> Sequence[int]:
        """That wait and stand nowhere to be taken from, or have another place in the line than their row says."""

    def deliveries_given_back_by_nobody(self) -> Sequence[int]:
        """Those that went back from accepted and are no fax, or without a word of the carrier in the log."""

    def seals(self) -> Iterable[Seal]: ...

    def rows(self) -> LogPages:
        """The whole log, read as it is asked for."""

    def highest(self) -> dict[str, int]:
        """The largest id of a letter and of a delivery, by subject; 0 where there is none."""

    def letters(self) -> Iterable[LetterRow]:
        """As they are written down: approved, where dispatched follows from a delivery."""

    def deliveries(self) -> Iterable[OutboxRow]:
        """In order of id."""


def audit(ledger: Ledger, *, head: str | None = None) -> Audit:
    """Conservation, at most once, and a log that agrees with itself, with the rows and with its seals.

    head: a hash of the chain that was noted down earlier, outside of the database."""
    # The log is long: one reading of it serves both the seals and the steps. So it is with the tables.
    highest = ledger.highest()
    replay, balance = Replay(highest=highest), Balance(highest_letter=highest[LETTER])
    rows = ledger.rows()
    chain = read_chain(ledger.seals(), rows._replace(moves=replay.read(rows.moves)), wanted=head)
    broken = [*_step_faults(replay, balance, ledger), *_seal_faults(chain, head)]
    broken += [*_balance_faults(balance), *_dispatch_faults(replay, balance, ledger), *_answer_faults(ledger)]
    totals, by_mission = _totals(balance)
    if sum(totals.values()) != balance.approved and not broken:
        what = f"{balance.approved} were approved, but {sum(totals.values())} are accounted for"
        broken.append(Broken(rule="conservation", subject=LETTER, id=0, what=what))
    return Audit(
        approved=balance.approved,
        totals=totals,
        by_mission=by_mission,
        in_doubt=tuple(ledger.in_doubt()),
        chain=chain,
        broken=tuple(broken),
    )


def _step_faults(replay: Replay, balance: Balance, ledger: Ledger) -> Iterator[Broken]:
    tables = (
        (LETTER, balance.letters(ledger.letters())),
        (DELIVERY, balance.deliveries(ledger.deliveries())),
    )
    for subject, states in tables:
        # To the last row, however many differ: what is without a row is known only then.
        differing = list(replay.differing(subject, states))
        yield from _each("log", subject, differing, "its state is not the one that the log ends with")
        yield from _each(
            "log", subject, replay.without_row(subject), "is in the log, and its row is not there any more"
        )
    for subject, id in replay.out_of_order:
        yield from _each("log", subject, [id], "a step of its log does not begin where the one before ended")
    for subject, id in replay.strays:
        yield from _each("log", subject, [id], "is in the log, and no such row was ever there")
    if any(_is_given_back(subject, old, new) for subject, old, new in replay.kinds):
        yield from _each(
            "log",
            DELIVERY,
            ledger.deliveries_given_back_by_nobody(),
            "went back from accepted, and no fax carrier gave it back",
        )
    for (subject, old, new), id in replay.kinds.items():
        if not _legal(subject, old, new):
            yield from _each("log", subject, [id], f"went from {old} to {new}, which is no legal move")
    approvals = (id for id, logged in enumerate(replay.approvals) if logged != balance.was_approved(id))
    yield from _each("conservation", LETTER, approvals, "the row and the log disagree on its approval")


def _balance_faults(balance: Balance) -> Iterator[Broken]:
    for rule, ids, what in (
        ("conservation", balance.approved_without_delivery(), "was approved, and no delivery of it exists"),
        ("conservation", balance.delivered_without_approval(), "has a delivery, and was never approved"),
        ("at_most_once", balance.sent_twice(), "is with its mission by more than one delivery"),
    ):
        yield from _each(rule, LETTER, ids, what)
    yield from _each("conservation", DELIVERY, balance.homeless, "belongs to a letter that is not there")


def _dispatch_faults(replay: Replay, balance: Balance, ledger: Ledger) -> Iterator[Broken]:
    """That a letter is dispatched follows from its deliveries; here are those of which old rows say it as well. A few, of
    whose faxes a carrier lost sight or which it gave back, have only the log for them."""
    untaken = balance.untaken(replay.dispatches)
    never = set(untaken) - ledger.letters_once_taken(untaken) if untaken else ()
    what = "counts as dispatched, and no delivery of it was ever taken"
    yield from _each("honesty", LETTER, sorted(never), what)


def _answer_faults(ledger: Ledger) -> Iterator[Broken]:
    for rule, ids, what in (
        (
            "at_most_once",
            ledger.deliveries_answered_twice(),
            "was accepted by the next hop more than once",
        ),
        (
            "honesty",
            ledger.deliveries_without_an_answer(),
            "counts as accepted, and nothing in the log says so",
        ),
        ("conservation", ledger.attempts_of_nobody(), "was tried, and there is no such delivery"),
        (
            "at_most_once",
            ledger.deliveries_wrongly_marked(),
            "has other marks than its state, so that its letter could go on two channels at once, or be overlooked",
        ),
        (
            "conservation",
            ledger.deliveries_out_of_line(),
            "waits, and has no place in the queue or a wrong one, so that it would be overlooked or taken twice",
        ),
    ):
        yield from _each(rule, DELIVERY, ids, what)


def _seal_faults(chain: Chain, head: str | None) -> Iterator[Broken]:
    for fault in chain.faults:
        yield Broken(rule="seal", subject="block", id=fault.number, what=fault.what)
    if not chain.knows:
        what = f"is the last one, and none in the chain has the hash {head}: it was cut off, or sealed anew"
        yield Broken(rule="seal", subject="block", id=chain.blocks, what=what)


def _each(rule: str, subject: str, ids: Iterable[int], what: str) -> Iterator[Broken]:
    return (Broken(rule=rule, subject=subject, id=id, what=what) for id in islice(ids, _SHOWN))


def _totals(balance: Balance) -> tuple[_Totals, _ByMission]:
    totals: _Totals = {}
    by_mission: _ByMission = {}
    for mission, channel, state, count in balance.totals():
        if state not in DeliveryState.__members__.values():
            continue  # nothing that this service writes; the row differs from its log, and the sum from the letters
        each = DeliveryState(state)
        totals[each] = totals.get(each, 0) + count
        by_mission.setdefault((mission, channel), {})[each] = count
    return totals, by_mission


def _legal(subject: str, old: str | None, new: str) -> bool:
    try:
        return _letter_may(old, new) if subject == LETTER else _delivery_may(old, new)
    except ValueError:  # a word that no state has: somebody else's hand
        return False


def _letter_may(old: str | None, new: str) -> bool:
    if old is None:
        # A file of confirmed letters waits for its second reading, or for a person, as it comes in; until that
        # reading was made it was approved at once.
        return LetterState(new) in {_S.SUBMITTED, _S.CONFIRMED, _S.IN_REVIEW, _S.APPROVED}
    return LetterState(new) in LETTER_MOVES[LetterState(old)]


def _delivery_may(old: str | None, new: str) -> bool:
    if old is None:
        return DeliveryState(new) in {DeliveryState.QUEUED, DeliveryState.HELD}
    begins = {state for state in DeliveryState if as_logged(state) == old} | {DeliveryState(old)}
    return any(new in DELIVERY_MOVES[state] for state in begins) or _is_given_back(DELIVERY, old, new)


def _is_given_back(subject: str, old: str | None, new: str) -> bool:
    return subject == DELIVERY and any(old == each and new in news for each, news in GIVEN_BACK.items())
