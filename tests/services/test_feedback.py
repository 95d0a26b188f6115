import email
import email.policy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from dispatcher.domain.delivery import Delivery, DeliveryState
from dispatcher.domain.letter import LetterId, LetterState
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.returned_mail import IncomingMail, MailId, MailKind
from dispatcher.services.feedback import (
    BOUNCE,
    AlreadySettled,
    CannotPassOn,
    Feedback,
    NamesNoDelivery,
    NoSuchMail,
    Taken,
    quoted,
)
from dispatcher.services.pauses import PauseScope
from tests.installation import NOON, THE_HAGUE, TOKYO, Installation, ScriptedTransport
from tests.samples.returned_mail import (
    ABSENCES,
    ANSWERS,
    BOUNCES,
    CHALLENGES,
    EXCHANGE_FULL,
    FORWARDED_ELSEWHERE,
    POSTFIX_DELAYED,
    POSTFIX_DELIVERED,
    POSTFIX_EXPIRED,
    POSTFIX_FAILED,
    POSTFIX_RELAYED,
    SENDMAIL_FAILED,
    STOPS,
    mail,
    sample,
)

# What stands in a mail does not depend on the database that it is kept in: one engine is enough.
ONE_ENGINE = pytest.mark.parametrize("engine_name", ["sqlite"])
S = DeliveryState
IN_THE_HAGUE = "embassy@nl.mission.example"
_NO_ANSWER = Outcome(kind=OutcomeKind.UNKNOWN, reply="the line broke")


@dataclass(frozen=True)
class Desk:
    """Where returned mail comes in."""

    home: Installation

    @property
    def feedback(self) -> Feedback:
        return self.home.house.feedback

    def sent(self, *, in_doubt: bool = False, **changes: Any) -> Delivery:
        """A letter to The Hague that has left by mail."""
        (letter,) = self.home.take(**changes)
        self.home.prepare()
        transport = ScriptedTransport(answer=lambda _: _NO_ANSWER) if in_doubt else ScriptedTransport()
        self.home.work(self.home.courier(transport), NOON)
        row = self.home.delivery(letter)
        assert row.state is (S.IN_DOUBT if in_doubt else S.ACCEPTED)
        return row

    def back(self, row: Delivery) -> str:
        token = self.home.house.store.links.delivery_token(BOUNCE, row.id)
        return f"bounce+{token}@campaign.example.org"

    def comes(self, text: str, row: Delivery, **changes: str) -> Taken:
        fields = {"to": row.recipient or "", "back": self.back(row), "message_id": row.message_id} | changes
        return self.feedback.take(sample(text, **fields))

    def now(self, row: Delivery) -> Delivery:
        with self.home.house.store.read() as work:
            return work.outbox.get([row.id])[row.id]

    def kept(self, taken: Taken) -> IncomingMail:
        return self.feedback.find(taken.id)[0]

    def notices(self, letter: LetterId) -> list[bytes]:
        """The answers that were passed on, as they were sent."""
        transport = ScriptedTransport()
        self.home.work(self.home.courier(transport))
        return [parcel.content for parcel in transport.sent]

    def pauses(self) -> dict[str, str]:
        return {each.key: each.reason for each in self.home.house.pausing.all()}


@pytest.fixture
def desk(home: Installation) -> Iterator[Desk]:
    yield Desk(home)
    audit = home.audit()
    assert audit.ok, audit.broken


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (POSTFIX_DELIVERED, S.DELIVERED),
        (POSTFIX_RELAYED, S.ACCEPTED),
        (POSTFIX_DELAYED, S.ACCEPTED),
        (POSTFIX_FAILED, S.BOUNCED),
    ],
)
@pytest.mark.parametrize("in_doubt", [False, True])
def test_a_report_says_what_became_of_the_letter(
    desk: Desk, text: str, state: DeliveryState, in_doubt: bool
) -> None:
    """Whoever reports on a letter has had it: so it is no longer in doubt."""
    row = desk.sent(in_doubt=in_doubt)
    taken = desk.comes(text, row)
    assert desk.now(row).state is state
    assert desk.kept(taken).delivery == row.id
    assert desk.kept(taken).settled_at is not None
    if state is not S.BOUNCED:
        assert desk.home.letter(row.letter).state is LetterState.DISPATCHED


def test_the_log_says_which_mail_moved_the_letter(desk: Desk) -> None:
    row = desk.sent()
    taken = desk.comes(POSTFIX_FAILED, row)
    with desk.home.house.store.read() as work:
        move = work.outbox.moves(row.id)[-1]
    assert (move.old, move.new, move.reason, move.by) == ("accepted", "bounced", "report_bounced", "feedback")
    assert move.note is not None
    assert move.note.startswith(f"mail {taken.id}: bounced 5.1.1 smtp; 550 5.1.1")


def test_a_bounce_opens_the_next_channel(desk: Desk) -> None:
    row = desk.sent()
    desk.comes(SENDMAIL_FAILED, row)
    first, second = desk.home.deliveries(row.letter)
    assert (first.state, second.state) == (S.BOUNCED, S.QUEUED)
    assert second.channel is Channel.FAX


def test_a_dead_mailbox_reroutes_the_letters_that_wait(desk: Desk) -> None:
    row = desk.sent()
    (waiting,) = desk.home.take(first=7)
    assert desk.home.delivery(waiting).channel is Channel.EMAIL
    desk.comes(POSTFIX_FAILED, row)
    assert desk.home.delivery(waiting).channel is Channel.FAX


def test_a_bounce_that_does_not_speak_of_the_mailbox_leaves_it(desk: Desk) -> None:
    row = desk.sent()
    (waiting,) = desk.home.take(first=7)
    desk.comes(SENDMAIL_FAILED, row)
    assert desk.home.delivery(waiting).channel is Channel.EMAIL


@ONE_ENGINE
@pytest.mark.parametrize("name", BOUNCES)
def test_every_sample_finds_its_letter_and_moves_it_as_it_says(desk: Desk, name: str) -> None:
    text, kind, _ = BOUNCES[name]
    row = desk.sent()
    desk.comes(text, row)
    states = {"bounced": S.BOUNCED, "delivered": S.DELIVERED}
    assert desk.now(row).state is states.get(kind, S.ACCEPTED)


def test_a_bounce_without_our_return_path_is_known_by_the_message_id(desk: Desk) -> None:
    row = desk.sent()
    desk.comes(POSTFIX_FAILED, row, back="letters@campaign.example.org")
    assert desk.now(row).state is S.BOUNCED


def test_a_forged_return_path_is_nobodys(desk: Desk) -> None:
    row = desk.sent()
    links = desk.home.house.store.links
    genuine = links.delivery_token(BOUNCE, row.id)
    for forged in (
        f"{row.id:x}-{'a' * 32}",
        genuine[:-1] + ("a" if genuine[-1] != "a" else "b"),
        links.delivery_token("status", row.id),
        f"{row.id + 1:x}{genuine[genuine.index('-') :]}",
        f"{2**63:x}-{'a' * 32}",
    ):
        taken = desk.comes(
            POSTFIX_FAILED,
            row,
            back=f"bounce+{forged}@campaign.example.org",
            message_id=f"<{forged[-6:]}@x.example>",
        )
        assert desk.kept(taken).delivery is None
    assert desk.now(row).state is S.ACCEPTED
    assert links.delivery(BOUNCE, genuine) == row.id


def test_a_report_that_names_nothing_waits_for_a_person(desk: Desk) -> None:
    row = desk.sent()
    taken = desk.feedback.take(
        b"Subject: failure notice\r\nFrom: mailer-daemon@x.example\r\n\r\n550 5.1.1 no\r\n"
    )
    assert desk.kept(taken).kind is MailKind.UNSORTED
    assert [each.id for each in desk.feedback.all(waiting=True)] == [taken.id]
    assert desk.now(row).state is S.ACCEPTED


def test_the_same_mail_twice_is_kept_once(desk: Desk) -> None:
    row = desk.sent()
    first, again = desk.comes(POSTFIX_FAILED, row), desk.comes(POSTFIX_FAILED, row)
    assert (first.new, again.new, again.id) == (True, False, first.id)
    assert len(desk.home.deliveries(row.letter)) == 2


def test_two_processes_that_take_the_same_mail_keep_it_once(desk: Desk) -> None:
    row = desk.sent()
    content = sample(mail("Re: A request", ANSWERS["en"]), message_id=row.message_id)
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: desk.feedback.take(content), range(4)))
    assert sorted(each.new for each in taken) == [False, False, False, True]
    assert len(desk.notices(row.letter)) == 1


def test_two_reports_of_one_failure_open_one_channel(desk: Desk) -> None:
    row = desk.sent()
    desk.comes(POSTFIX_FAILED, row)
    desk.comes(SENDMAIL_FAILED, row)
    desk.comes(POSTFIX_DELIVERED, row)
    assert [each.state for each in desk.home.deliveries(row.letter)] == [S.BOUNCED, S.QUEUED]


def test_a_report_faster_than_the_answer_waits_for_the_courier(desk: Desk) -> None:
    (letter,) = desk.home.take()
    desk.home.prepare()
    found: list[Taken] = []

    def report_first(_: object) -> None:
        found.append(desk.comes(POSTFIX_DELIVERED, desk.home.delivery(letter)))
        assert desk.home.delivery(letter).state is S.SENDING
        assert desk.feedback.apply_waiting() == 0

    desk.home.work(desk.home.courier(ScriptedTransport(answer=report_first)), NOON)
    assert desk.home.delivery(letter).state is S.ACCEPTED
    assert desk.kept(found[0]).settled_at is None
    assert desk.feedback.apply_waiting() == 1
    assert desk.home.delivery(letter).state is S.DELIVERED
    assert desk.kept(found[0]).settled_at is not None


def test_a_report_on_an_earlier_try_waits_for_a_person(desk: Desk) -> None:
    """It came back into the queue, by a person or by a wait: which try the report means is not known."""
    row = desk.sent(in_doubt=True)
    with desk.home.house.store.write() as work:
        work.outbox.move([row.id], S.QUEUED, at=NOON, by="operator", reason="by_person", due_at=NOON)
    taken = desk.comes(POSTFIX_FAILED, row)
    assert desk.now(row).state is S.QUEUED
    assert desk.kept(taken).kind is MailKind.UNSORTED


def test_a_failure_elsewhere_waits_for_a_person(desk: Desk) -> None:
    row = desk.sent()
    taken = desk.comes(FORWARDED_ELSEWHERE, row)
    assert desk.now(row).state is S.ACCEPTED
    assert (desk.kept(taken).kind, desk.kept(taken).delivery) == (MailKind.UNSORTED, row.id)


@ONE_ENGINE
@pytest.mark.parametrize("in_doubt", [False, True])
@pytest.mark.parametrize("language", ABSENCES)
def test_an_automatic_reply_counts_as_nothing(desk: Desk, language: str, in_doubt: bool) -> None:
    row = desk.sent(in_doubt=in_doubt)
    before = desk.home.story(row.id)
    taken = desk.comes(mail(*ABSENCES[language]), row)
    assert desk.kept(taken).kind is MailKind.AUTO_REPLY
    assert desk.home.story(row.id) == before
    assert desk.notices(row.letter) == []
    assert desk.pauses() == {}


def test_an_answer_is_marked_on_the_letter_and_passed_on(desk: Desk) -> None:
    row = desk.sent()
    taken = desk.comes(mail("Re: A request", ANSWERS["en"]), row)
    with desk.home.house.store.read() as work:
        (marked,) = work.incoming.of_letter(row.letter)
    assert (marked.id, marked.kind, marked.delivery) == (taken.id, MailKind.ANSWER, row.id)
    assert marked.passed_on is not None
    (content,) = desk.notices(row.letter)
    notice = email.message_from_bytes(content, policy=email.policy.default)
    assert "jane.doe.1@supporters.example.org" in notice["To"]
    assert notice["Auto-Submitted"] == "auto-generated"
    assert notice.get_content_type() == "text/plain"
    body = notice.get_content()
    assert "> the Embassy has taken note of your letter" in body
    assert "li@nl.mission.example" in body
    assert "Chinese Mission in The Hague" in body
    assert desk.now(row).state is S.ACCEPTED


@pytest.mark.parametrize("language", ["en", "ko", "ja", "zh", "es", "pt", "de", "nl", "fr"])
@pytest.mark.parametrize("shielded", ["no", "yes"])
def test_an_answer_is_passed_on_in_the_writers_language(desk: Desk, language: str, shielded: str) -> None:
    row = desk.sent(language=language, shielded=shielded)
    desk.comes(mail("Re: A request", ANSWERS[language]), row)
    (content,) = desk.notices(row.letter)
    notice = email.message_from_bytes(content, policy=email.policy.default)
    assert notice["Content-Language"] == language
    assert "{{" not in notice.get_content()


def test_an_answer_to_a_shielded_letter_goes_to_the_campaign(desk: Desk) -> None:
    row = desk.sent(shielded="yes")
    desk.comes(mail("Re: A request", ANSWERS["en"]), row)
    with desk.home.house.store.read() as work:
        (marked,) = work.incoming.of_letter(row.letter)
        assert marked.passed_on is not None
        assert (
            work.outbox.get([marked.passed_on])[marked.passed_on].recipient == "contact@campaign.example.org"
        )
    (content,) = desk.notices(row.letter)
    notice = email.message_from_bytes(content, policy=email.policy.default)
    assert "contact@campaign.example.org" in notice["To"]
    assert "jane.doe" not in content.decode()


def test_each_further_answer_is_passed_on_too_but_none_twice(desk: Desk) -> None:
    row = desk.sent()
    first = mail("Re: A request", ANSWERS["en"])
    desk.comes(first, row)
    # The same mail in another mailbox of ours: only its path differs.
    desk.comes("X-Original-To: another@campaign.example.org\n" + first, row)
    desk.comes(mail("Re: A request", ANSWERS["de"]).replace("answer.1@", "answer.2@"), row)
    assert len(desk.notices(row.letter)) == 2


def test_an_answer_settles_doubt(desk: Desk) -> None:
    """Nobody answers a letter that they do not have."""
    row = desk.sent(in_doubt=True)
    desk.comes(mail("Re: A request", ANSWERS["en"]), row)
    assert desk.now(row).state is S.ACCEPTED


def test_an_answer_cannot_write_our_words_or_header(desk: Desk) -> None:
    row = desk.sent()
    text = "Thank you.\r\rBcc: all@x.example\n\u202eevil\u2028\x00\x1b[2J{{ 7 * 7 }}<script>x</script>"
    hostile = mail("Re: x\r\nBcc: all@x.example", text, sender='"Evil\u202e" <li@nl.mission.example>')
    desk.comes(hostile, row)
    (content,) = desk.notices(row.letter)
    notice = email.message_from_bytes(content, policy=email.policy.default)
    assert notice["Bcc"] is None
    body = notice.get_content()
    for character in "\u202e\u2028\x00\x1b":
        assert character not in body
    assert "> Bcc: all@x.example" in body
    assert "{{ 7 * 7 }}<script>x</script>" in body


def test_an_html_answer_is_passed_on_as_plain_words(desk: Desk) -> None:
    row = desk.sent()
    html = mail("Re: A request", "<p>Dear Ms Doe,</p><p onclick=x()>thank <b>you</b>.</p>").replace(
        "text/plain", "text/html"
    )
    desk.comes(html, row)
    (content,) = desk.notices(row.letter)
    body = email.message_from_bytes(content, policy=email.policy.default).get_content().replace("\r\n", "\n")
    assert "> Dear Ms Doe,\n> thank you.\n" in body
    assert "<" not in body


@ONE_ENGINE
def test_an_answer_of_30_megabytes_is_taken(desk: Desk) -> None:
    row = desk.sent()
    text = mail("Re: A request", ANSWERS["en"]).replace("In-Reply-To: {id}", f"In-Reply-To: {row.message_id}")
    taken = desk.feedback.take(sample(text) + b"\r\n" + (b"eHh4" * 19 + b"\r\n") * 400_000)
    assert desk.kept(taken).kind is MailKind.ANSWER
    (content,) = desk.notices(row.letter)
    assert len(content) < 200_000


@pytest.mark.parametrize("name", ["en", "zh", "de"])
def test_a_wish_to_stop_pauses_the_mission_and_waits_for_a_person(desk: Desk, name: str) -> None:
    row = desk.sent()
    (waiting,) = desk.home.take(first=7)
    (elsewhere,) = desk.home.take(first=8, country="JP")
    taken = desk.comes(mail("Re: A request", STOPS[name]), row)
    assert desk.pauses() == {THE_HAGUE: "The mission asks us to stop."}
    assert desk.home.delivery(waiting).state is S.HELD
    assert desk.home.delivery(elsewhere).state is S.QUEUED
    assert [each.id for each in desk.feedback.all(waiting=True)] == [taken.id]
    assert desk.notices(row.letter) == []


def test_a_pause_by_a_person_keeps_its_reason(desk: Desk) -> None:
    row = desk.sent()
    desk.home.house.pausing.pause(PauseScope.MISSION, THE_HAGUE, by="Mina", reason="They moved")
    desk.comes(mail("Re: A request", STOPS["en"]), row)
    assert desk.pauses() == {THE_HAGUE: "They moved"}


def test_a_wish_to_stop_that_names_no_letter_pauses_nobody(desk: Desk) -> None:
    row = desk.sent()
    taken = desk.comes(mail("Hello", STOPS["en"]), row, message_id="<other@x.example>")
    assert desk.pauses() == {}
    assert desk.kept(taken).kind is MailKind.UNSORTED


def test_three_soft_bounces_pause_the_mission(desk: Desk) -> None:
    rows = [desk.sent(first=number) for number in (1, 2, 3)]
    for row, text in zip(rows, (POSTFIX_EXPIRED, EXCHANGE_FULL, POSTFIX_EXPIRED), strict=True):
        assert desk.pauses() == {}
        desk.comes(text, row)
    assert list(desk.pauses()) == [THE_HAGUE]
    assert "3 letters came back" in desk.pauses()[THE_HAGUE]


def test_hard_bounces_and_those_of_other_missions_do_not_add_up(desk: Desk) -> None:
    desk.comes(POSTFIX_EXPIRED, desk.sent(first=1))
    desk.comes(SENDMAIL_FAILED, desk.sent(first=2))
    desk.comes(POSTFIX_EXPIRED, desk.sent(first=3))
    assert desk.pauses() == {}


def test_after_a_pause_was_lifted_three_more_pause_again(desk: Desk) -> None:
    rows = [desk.sent(first=number) for number in range(1, 7)]
    for row in rows[:3]:
        desk.comes(POSTFIX_EXPIRED, row)
    desk.home.house.pausing.resume(PauseScope.MISSION, THE_HAGUE, by="Mina")
    for row in rows[3:5]:
        desk.comes(POSTFIX_EXPIRED, row)
    assert desk.pauses() == {}
    desk.comes(POSTFIX_EXPIRED, rows[5])
    assert list(desk.pauses()) == [THE_HAGUE]


@pytest.mark.parametrize("name", CHALLENGES)
def test_a_challenge_waits_for_a_person(desk: Desk, name: str) -> None:
    row = desk.sent()
    taken = desk.comes(mail(*CHALLENGES[name]), row)
    assert (desk.kept(taken).kind, desk.kept(taken).settled_at) == (MailKind.CHALLENGE, None)


def test_a_supporters_answer_to_a_mail_of_ours_is_for_a_person(desk: Desk) -> None:
    desk.home.submit()
    desk.home.prepare()
    transport = ScriptedTransport()
    desk.home.work(desk.home.courier(transport), NOON)
    (parcel,) = transport.sent
    message_id = email.message_from_bytes(parcel.content)["Message-ID"]
    taken = desk.feedback.take(sample(mail("Re: confirm", "Thank you, all is well."), message_id=message_id))
    assert (desk.kept(taken).kind, desk.kept(taken).delivery) == (MailKind.UNSORTED, parcel.delivery)
    assert desk.home.log() == []


def test_a_confirmation_that_bounces_opens_no_channel(desk: Desk) -> None:
    letter = desk.home.submit()
    desk.home.prepare()
    transport = ScriptedTransport()
    desk.home.work(desk.home.courier(transport), NOON)
    (parcel,) = transport.sent
    desk.feedback.take(sample(POSTFIX_FAILED, to=parcel.recipient, back=parcel.sender))
    with desk.home.house.store.read() as work:
        assert work.outbox.get([parcel.delivery])[parcel.delivery].state is S.BOUNCED
    assert desk.home.deliveries(letter) == []


def test_our_own_notices_that_come_back_are_not_answered_again(desk: Desk) -> None:
    row = desk.sent()
    desk.comes(mail("Re: A request", ANSWERS["en"]), row)
    (content,) = desk.notices(row.letter)
    taken = desk.feedback.take(content)
    assert desk.kept(taken).kind is MailKind.AUTO_REPLY
    assert desk.notices(row.letter) == []


def test_an_erased_supporters_answer_goes_to_nobody(desk: Desk) -> None:
    row = desk.sent()
    first = desk.comes(mail("Re: A request", ANSWERS["en"]), row)
    desk.home.house.confirmation.erase("jane.doe.1@supporters.example.org")
    assert desk.kept(first).content is None
    later = desk.comes(mail("Re: A request", ANSWERS["de"]).replace("answer.1@", "answer.2@"), row)
    assert desk.kept(later).settled_at is None
    assert desk.notices(row.letter) == []
    with pytest.raises(CannotPassOn, match="erased"):
        desk.feedback.settle(later.id, MailKind.ANSWER, reason="an answer", by="Mina")
    desk.feedback.settle(later.id, MailKind.UNSORTED, reason="nobody to tell", by="Mina")
    assert desk.feedback.all(waiting=True) == []


def test_a_person_settles_what_nobody_understood(desk: Desk) -> None:
    row = desk.sent()
    taken = desk.comes(FORWARDED_ELSEWHERE, row)
    desk.feedback.settle(taken.id, MailKind.BOUNCED, reason="they told us by telephone", by="Mina")
    assert desk.now(row).state is S.BOUNCED
    assert (desk.kept(taken).settled_by, desk.kept(taken).why) == ("Mina", "they told us by telephone")
    with pytest.raises(AlreadySettled):
        desk.feedback.settle(taken.id, MailKind.BOUNCED, reason="again", by="Mina")


def test_a_person_says_which_letter_a_mail_is_about(desk: Desk) -> None:
    row = desk.sent()
    taken = desk.comes(mail("Your letter", "We have received it."), row, message_id="<other@x.example>")
    with pytest.raises(NamesNoDelivery):
        desk.feedback.settle(taken.id, MailKind.ANSWER, reason="it is one", by="Mina")
    desk.feedback.settle(taken.id, MailKind.ANSWER, delivery=row.id, reason="it is one", by="Mina")
    assert len(desk.notices(row.letter)) == 1
    with pytest.raises(NoSuchMail):
        desk.feedback.settle(MailId(999), MailKind.ANSWER, reason="x", by="Mina")


def test_a_stop_that_was_a_misunderstanding_can_be_passed_on(desk: Desk) -> None:
    row = desk.sent()
    taken = desk.comes(mail("Re: A request", STOPS["en"]), row)
    desk.feedback.settle(taken.id, MailKind.ANSWER, reason="only an answer", by="Mina")
    assert len(desk.notices(row.letter)) == 1


def test_a_pick_up_takes_every_source_and_can_be_repeated(desk: Desk) -> None:
    row = desk.sent()
    contents = [
        sample(POSTFIX_DELIVERED, to=IN_THE_HAGUE, back=desk.back(row)),
        sample(mail(*ABSENCES["en"]), message_id=row.message_id),
    ]

    class Box:
        def collect(self, keep: Callable[[bytes], object]) -> int:
            for content in contents:
                keep(content)
            return len(contents)

    feedback = replace(desk.feedback, sources=(Box(), Box()))
    result = feedback.pick_up()
    assert (result.kinds, result.again) == ({MailKind.DELIVERED: 1, MailKind.AUTO_REPLY: 1}, 2)
    assert feedback.pick_up().kinds == {}
    assert desk.now(row).state is S.DELIVERED


def test_quoting_keeps_lines_apart_and_hides_nothing_but_what_cannot_be_seen() -> None:
    assert quoted("a\n\nb\tc\x07") == "> a\n>\n> b c"
    assert quoted("") == ">"
    assert len(quoted("x" * 100_000)) < 21_000


def test_other_missions_letters_are_untouched_by_a_report(desk: Desk) -> None:
    row = desk.sent()
    (other,) = desk.home.take(first=9, country="JP")
    before = desk.home.delivery(other)
    desk.comes(POSTFIX_FAILED, row)
    assert desk.home.delivery(other) == before
    assert before.mission == TOKYO
