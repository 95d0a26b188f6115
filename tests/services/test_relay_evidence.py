from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from dispatcher.adapters.relay_log import PostfixLog
from dispatcher.domain.delivery import Delivery, DeliveryState
from dispatcher.domain.letter import LetterState
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.returned_mail import MailKind
from dispatcher.services.evidence import Evidence
from dispatcher.services.relay_evidence import LogFindings, RelayEvidence
from tests.installation import NOON, Installation, ScriptedTransport
from tests.samples.relay_log import QUEUE, begun, expired, stamped, taken, tried

S = DeliveryState
MISSION = "embassy@nl.mission.example"
_NO_ANSWER = Outcome(kind=OutcomeKind.UNKNOWN, reply="the line broke")
SENT = tried(MISSION, "sent", "250 2.0.0 Ok: queued as 12345", dsn="2.0.0")
DEFERRED = tried(MISSION, "deferred", "connect: timed out", dsn="4.4.1")
BOUNCED = tried(MISSION, "bounced", "550 5.1.1 unknown", dsn="5.1.1")
# Lines of somebody else's mail before and after: what makes a log cover a try.
_OTHERS = begun("<x@elsewhere.example>", "OTHERQUEUE1")
EARLY, LATE = timedelta(hours=-1), timedelta(hours=2)


@dataclass(frozen=True)
class Desk:
    home: Installation
    folder: Path

    def sent(self, *, in_doubt: bool = True, first: int = 1) -> Delivery:
        (letter,) = self.home.take(first=first)
        self.home.prepare()
        transport = ScriptedTransport(answer=lambda _: _NO_ANSWER) if in_doubt else ScriptedTransport()
        self.home.work(self.home.courier(transport), NOON)
        return self.home.delivery(letter)

    def weigh(
        self,
        events: Sequence[tuple[str, str]],
        *,
        complete: bool = False,
        since: timedelta = EARLY,
        until: timedelta = LATE,
    ) -> LogFindings:
        placed = [(NOON + since, *each) for each in _OTHERS]
        placed += [(NOON + timedelta(seconds=n), *each) for n, each in enumerate(events, start=1)]
        placed += [(NOON + until, *each) for each in _OTHERS]
        path = self.folder / "mail.log"
        path.write_text("".join(f"{stamped(*each)}\n" for each in placed))
        log = PostfixLog(domains=["campaign.example.org"], zone=None).read(
            [str(path)], now=self.home.clock.now()
        )
        house = self.home.house
        weighing = RelayEvidence(
            store=house.store, clock=house.clock, evidence=Evidence(dispatch=house.dispatch)
        )
        return weighing.weigh(log, complete=complete, by="operator")

    def now(self, row: Delivery) -> Delivery:
        with self.home.house.store.read() as work:
            return work.outbox.get([row.id])[row.id]


@pytest.fixture
def desk(home: Installation, tmp_path: Path) -> Iterator[Desk]:
    yield Desk(home, tmp_path)
    audit = home.audit()
    assert audit.ok, audit.broken


def test_what_the_relay_has_in_its_queue_was_accepted(desk: Desk) -> None:
    row = desk.sent()
    found = desk.weigh(taken(row.message_id))
    assert (found.named, found.accepted) == (1, 1)
    assert desk.now(row).state is S.ACCEPTED
    assert desk.home.letter(row.letter).state is LetterState.DISPATCHED
    (shown,) = desk.home.log()
    assert shown.attempts[-1].outcome.provider_ref == QUEUE


def test_that_the_relay_handed_it_on_is_kept_and_is_no_delivery(desk: Desk) -> None:
    row = desk.sent(in_doubt=False)
    found = desk.weigh([*taken(row.message_id), SENT])
    assert (found.named, found.accepted, found.bounced) == (1, 0, 0)
    assert desk.now(row).state is S.ACCEPTED
    with desk.home.house.store.read() as work:
        (kept,) = work.incoming.of_letter(row.letter)
    assert (kept.kind, kept.status) == (MailKind.RELAY_LOG, "2.0.0")
    assert kept.settled_at is not None
    assert b"queued as 12345" in (kept.content or b"")


@pytest.mark.parametrize("in_doubt", [False, True])
@pytest.mark.parametrize("end", [[BOUNCED], [DEFERRED, expired()]])
def test_what_the_relay_returned_is_bounced_and_opens_the_next_channel(
    desk: Desk, end: list[tuple[str, str]], in_doubt: bool
) -> None:
    row = desk.sent(in_doubt=in_doubt)
    found = desk.weigh([*taken(row.message_id), *end])
    assert found.bounced == 1
    assert [each.state for each in desk.home.deliveries(row.letter)] == [S.BOUNCED, S.QUEUED]
    assert desk.home.delivery(row.letter).channel is Channel.FAX


def test_a_log_read_twice_changes_nothing(desk: Desk) -> None:
    row = desk.sent()
    events = [*taken(row.message_id), BOUNCED]
    desk.weigh(events)
    story = desk.home.story(row.id)
    again = desk.weigh(events)
    assert (again.accepted, again.bounced) == (0, 0)
    assert desk.home.story(row.id) == story
    with desk.home.house.store.read() as work:
        assert len(work.incoming.of_letter(row.letter)) == 1


def test_a_bounce_of_another_mailbox_opens_no_channel(desk: Desk) -> None:
    row = desk.sent(in_doubt=False)
    found = desk.weigh(
        [*taken(row.message_id), tried("third@webmail.example", "bounced", "550", dsn="5.1.1")]
    )
    assert found.bounced == 0
    assert desk.now(row).state is S.ACCEPTED


def test_silence_proves_nothing_by_itself(desk: Desk) -> None:
    row = desk.sent()
    found = desk.weigh([])
    assert (found.unnamed, found.uncovered, found.queued) == (1, 0, 0)
    assert desk.now(row).state is S.IN_DOUBT


def test_the_silence_of_a_complete_log_queues_the_letter_again(desk: Desk) -> None:
    row = desk.sent()
    found = desk.weigh([], complete=True)
    assert (found.unnamed, found.queued) == (0, 1)
    assert desk.now(row).state is S.QUEUED
    desk.home.work(desk.home.courier())
    assert desk.now(row).state is S.ACCEPTED


def test_the_silence_of_a_complete_log_queues_a_mail_to_a_supporter_again(desk: Desk) -> None:
    desk.home.clock.move_to(NOON)
    letter = desk.home.submit()
    desk.home.prepare()
    desk.home.work(desk.home.courier(ScriptedTransport(answer=lambda _: _NO_ANSWER)))
    row = desk.home.log(letter=letter, notices=True)[0].delivery
    assert row.state is S.IN_DOUBT
    assert desk.weigh([], complete=True).queued == 1
    assert desk.now(row).state is S.QUEUED


@pytest.mark.parametrize(
    ("since", "until"), [(timedelta(seconds=1), LATE), (EARLY, timedelta(minutes=14)), (LATE, LATE * 2)]
)
def test_a_log_that_does_not_cover_the_try_proves_nothing(
    desk: Desk, since: timedelta, until: timedelta
) -> None:
    row = desk.sent()
    found = desk.weigh([], complete=True, since=since, until=until)
    assert (found.unnamed, found.uncovered, found.queued) == (1, 1, 0)
    assert desk.now(row).state is S.IN_DOUBT


def test_a_letter_that_was_begun_stays_in_doubt_even_with_a_complete_log(desk: Desk) -> None:
    row = desk.sent()
    found = desk.weigh(begun(row.message_id), complete=True)
    assert (found.begun, found.queued) == (1, 0)
    assert desk.now(row).state is S.IN_DOUBT


def test_other_letters_in_doubt_are_told_apart(desk: Desk) -> None:
    first, second = desk.sent(first=1), desk.sent(first=2)
    found = desk.weigh(taken(second.message_id), complete=True)
    assert (found.accepted, found.queued) == (1, 1)
    assert (desk.now(first).state, desk.now(second).state) == (S.QUEUED, S.ACCEPTED)


def test_a_letter_with_a_courier_is_left_alone(desk: Desk) -> None:
    (letter,) = desk.home.take()
    desk.home.prepare()
    found: list[LogFindings] = []

    def look(_: object) -> None:
        found.append(desk.weigh(taken(desk.home.delivery(letter).message_id), complete=True))

    desk.home.work(desk.home.courier(ScriptedTransport(answer=look)), NOON)
    assert found[0].still_on_the_wire == 1
    assert desk.home.delivery(letter).state is S.ACCEPTED


def test_a_line_older_than_the_first_try_is_no_evidence(desk: Desk) -> None:
    row = desk.sent()
    path = desk.folder / "old.log"
    lines = [stamped(NOON - timedelta(days=1), *each) for each in taken(row.message_id)]
    path.write_text("\n".join(lines))
    log = PostfixLog(domains=["campaign.example.org"], zone=None).read([str(path)], now=NOON)
    house = desk.home.house
    weighing = RelayEvidence(store=house.store, clock=house.clock, evidence=Evidence(dispatch=house.dispatch))
    weighing.weigh(log, complete=False, by="operator")
    assert desk.now(row).state is S.IN_DOUBT
