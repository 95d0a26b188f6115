"""Mail comes back: each is kept once, read, and put to what it says. What nobody understands waits for a person."""

import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from dispatcher.domain.campaign import Campaign
from dispatcher.domain.delivery import Delivery, DeliveryId, Notice
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.letter import Letter
from dispatcher.domain.returned_mail import (
    REPORTS,
    IncomingMail,
    MailFacts,
    MailId,
    MailKind,
    Reading,
    sort_mail,
)
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.clock import Clock
from dispatcher.services.evidence import BEFORE_THE_WIRE, ON_THE_WIRE, Evidence
from dispatcher.services.incoming import LONGEST_KEPT, MailReader, MailSource
from dispatcher.services.notices import NoticeWriter
from dispatcher.services.outbox import notice
from dispatcher.services.place_names import PlaceNames
from dispatcher.services.routing import Routing
from dispatcher.services.store import Store, StoreConflict, Work

# What return paths are made for: the purpose of their tokens.
BOUNCE = "bounce"
# Of an answer, so much is passed on; an answer that is longer can be had from the organizers.
_LONGEST_ANSWER = 20_000
# Controls, and signs that turn the direction of what follows: an answer must not be able to rewrite our own words.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
_BY = "feedback"


class NoSuchMail(DispatcherError):
    """There is no returned mail {mail}. 'dispatcher mail list --all' shows what there is."""


class AlreadySettled(DispatcherError):
    """Returned mail {mail} is settled already."""


class NamesNoDelivery(DispatcherError):
    """Returned mail {mail} names no delivery of ours. Say which one it is about with --delivery NUMBER."""


class CannotPassOn(DispatcherError):
    """Returned mail {mail} cannot be passed on: {why}."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """new: False for a mail that was known already."""

    id: MailId
    kind: MailKind | None
    new: bool


@dataclass(kw_only=True)
class PickUp:
    """What one pick-up brought. again: mails that were known already."""

    kinds: dict[MailKind, int] = field(default_factory=dict)
    again: int = 0


@dataclass(frozen=True, kw_only=True)
class Feedback:
    store: Store
    clock: Clock
    campaigns: Campaigns
    routing: Routing
    evidence: Evidence
    reader: MailReader
    writer: NoticeWriter
    places: PlaceNames
    sources: tuple[MailSource, ...] = ()

    def pick_up(self) -> PickUp:
        """Empties the mailboxes for returned mail, and puts to use what had to wait for a courier. Safe to
        repeat, from any number of processes. Raises MailboxUnusable."""
        result = PickUp()

        def keep(content: bytes) -> None:
            taken = self.take(content)
            if not taken.new or taken.kind is None:
                result.again += 1
            else:
                result.kinds[taken.kind] = result.kinds.get(taken.kind, 0) + 1

        self.apply_waiting()
        for source in self.sources:
            source.collect(keep)
        return result

    def take(self, content: bytes) -> Taken:
        """Keeps one mail and does what it asks for, in one transaction."""
        content = content[:LONGEST_KEPT]
        digest = hashlib.sha256(content).hexdigest()
        with self.store.read() as work:
            known = work.incoming.known(digest)
        if known is not None:
            return Taken(id=known, kind=None, new=False)
        facts = self.reader.read(content)
        try:
            return self._take(content, digest, facts)
        except StoreConflict:  # another process took it at this moment
            with self.store.read() as work:
                known = work.incoming.known(digest)
            if known is None:
                raise
            return Taken(id=known, kind=None, new=False)

    def _take(self, content: bytes, digest: str, facts: MailFacts) -> Taken:
        now = self.clock.now()
        with self.store.write() as work:
            row = self._delivery(work, facts)
            reading = self._placed(sort_mail(facts, self._recipient(work, row)), row, facts)
            id = work.incoming.keep(
                content,
                reading,
                digest=digest,
                delivery=row.id if row else None,
                message_id=facts.message_id,
                at=now,
            )
            if self._waits_for_courier(row, reading):
                return Taken(id=id, kind=reading.kind, new=True)
            self._put_to_use(work, id, row, reading, facts, now)
        return Taken(id=id, kind=reading.kind, new=True)

    def apply_waiting(self) -> int:
        """Reports that came while their letter was still on the wire. Answers how many were put to use."""
        with self.store.read() as work:
            if not work.incoming.unapplied(REPORTS):
                return 0
        now = self.clock.now()
        with self.store.write() as work:
            count = 0
            for mail in work.incoming.unapplied(REPORTS):
                facts = self.reader.read(mail.content or b"")
                row = work.outbox.get([mail.delivery]).get(mail.delivery) if mail.delivery else None
                reading = replace(sort_mail(facts, self._recipient(work, row)), kind=mail.kind)
                if self._waits_for_courier(row, reading):
                    continue
                placed = self._placed(reading, row, facts)
                work.incoming.sort_again(mail.id, placed.kind, delivery=mail.delivery, why=placed.why)
                self._put_to_use(work, mail.id, row, placed, facts, now)
                count += 1
            return count

    def all(self, *, waiting: bool, kind: MailKind | None = None) -> list[IncomingMail]:
        with self.store.read() as work:
            return work.incoming.all(waiting=waiting, kind=kind)

    def find(self, id: MailId) -> tuple[IncomingMail, MailFacts]:
        """Raises NoSuchMail."""
        with self.store.read() as work:
            mail = work.incoming.get(id)
        if mail is None:
            raise NoSuchMail(mail=id)
        return mail, self.reader.read(mail.content or b"")

    def settle(
        self, id: MailId, kind: MailKind, *, delivery: DeliveryId | None = None, reason: str, by: str
    ) -> None:
        """A person says what the mail is. Raises NoSuchMail, AlreadySettled, NamesNoDelivery, CannotPassOn."""
        mail, facts = self.find(id)
        now = self.clock.now()
        with self.store.write() as work:
            current = work.incoming.get(id)
            if current is None or current.settled_at is not None:
                raise AlreadySettled(mail=id)
            about = delivery or mail.delivery
            row = work.outbox.get([about]).get(about) if about else None
            if row is None and kind in REPORTS | {MailKind.ANSWER, MailKind.STOP}:
                raise NamesNoDelivery(mail=id)
            work.incoming.sort_again(id, kind, delivery=row.id if row else None, why=reason)
            reading = Reading(kind=kind, status=mail.status, diagnostic=reason)
            if row is not None and kind is MailKind.ANSWER:
                passed_on, why = self._pass_on(work, id, row, facts, now)
                if why:
                    raise CannotPassOn(mail=id, why=why)
                work.incoming.settle(id, at=now, by=by, passed_on=passed_on)
                return
            if row is not None and kind in REPORTS:
                self._report(work, id, row, reading, at=now, by=by)
            elif row is not None and kind is MailKind.STOP:
                self.evidence.pause(work, row, reason=reason, at=now, by=by)
            work.incoming.settle(id, at=now, by=by)

    def _delivery(self, work: Work, facts: MailFacts) -> Delivery | None:
        """The row that a mail is about: by our own return path, which nobody can make up, else by a Message-ID,
        which only those know who had the letter."""
        for token in facts.tokens:
            id = self.store.links.delivery(BOUNCE, token)
            row = work.outbox.get([id]).get(id) if id is not None else None
            if row is not None:
                return row
        named = work.incoming.deliveries_named(facts.answers_to)
        return next((named[each] for each in facts.answers_to if each in named), None)

    def _recipient(self, work: Work, row: Delivery | None) -> str | None:
        """The mailbox that the row was sent to; "" where it was erased."""
        if row is None:
            return None
        if row.recipient is not None:
            return row.recipient
        return work.letters.get([row.letter])[row.letter].email or ""

    def _placed(self, reading: Reading, row: Delivery | None, facts: MailFacts) -> Reading:
        """The reading in the light of what we know of the delivery."""
        if row is None:
            if reading.kind in REPORTS and not facts.names_a_letter:
                return replace(
                    reading, kind=MailKind.UNSORTED, why="It is a report that names no letter at all."
                )
            if reading.kind in {MailKind.STOP, MailKind.CHALLENGE}:
                return replace(
                    reading, kind=MailKind.UNSORTED, why=f"{reading.why} It names no letter of ours."
                )
            return reading
        if reading.kind in REPORTS and row.state in BEFORE_THE_WIRE:
            return replace(
                reading,
                kind=MailKind.UNSORTED,
                why="It reports on an earlier try of a letter that is about to be sent again.",
            )
        if row.notice is not None and reading.kind in {MailKind.ANSWER, MailKind.STOP, MailKind.CHALLENGE}:
            return replace(reading, kind=MailKind.UNSORTED, why="A supporter answers a mail of ours.")
        return reading

    def _waits_for_courier(self, row: Delivery | None, reading: Reading) -> bool:
        """The report was faster than the answer to the try it reports on."""
        return row is not None and reading.kind in REPORTS and row.state in ON_THE_WIRE

    def _put_to_use(
        self, work: Work, id: MailId, row: Delivery | None, reading: Reading, facts: MailFacts, now: datetime
    ) -> None:
        settled, passed_on = True, None
        match reading.kind:
            case MailKind.DELIVERED | MailKind.RELAYED | MailKind.DELAYED | MailKind.BOUNCED:
                if row is not None:
                    self._report(work, id, row, reading, at=now, by=_BY)
            case MailKind.AUTO_REPLY | MailKind.RELAY_LOG:
                pass
            case MailKind.ANSWER:
                passed_on, settled = self._answer(work, id, row, facts, now)
            case MailKind.STOP:
                settled = False
                if row is not None:
                    self.evidence.pause(work, row, reason=reading.why, at=now, by=_BY)
            case MailKind.CHALLENGE | MailKind.UNSORTED:
                settled = False
            case _:
                assert_never(reading.kind)
        if settled:
            work.incoming.settle(id, at=now, by=_BY, passed_on=passed_on)

    def _report(
        self, work: Work, id: MailId, row: Delivery, reading: Reading, *, at: datetime, by: str
    ) -> None:
        said = f"mail {id}: {reading.kind.value} {reading.status} {reading.diagnostic}".strip()
        reason = f"report_{reading.kind.value}"
        match reading.kind:
            case MailKind.DELIVERED:
                self.evidence.arrived(work, row, at=at, by=by, reason=reason, note=said)
            case MailKind.BOUNCED:
                dead = reading.says_dead(row.recipient or "")
                if (
                    self.evidence.returned(work, row, dead=dead, at=at, by=by, reason=reason, note=said)
                    and reading.soft
                ):
                    self.evidence.pause_when_soft(work, work.incoming, row, at=at, by=by)
            case _:  # whoever reports has it
                self.evidence.taken(work, row, at=at, by=by, reason=reason, note=said)

    def _answer(
        self, work: Work, id: MailId, row: Delivery | None, facts: MailFacts, now: datetime
    ) -> tuple[DeliveryId | None, bool]:
        """The notice that passes it on, and whether all is done."""
        if row is None:
            return None, False
        if work.incoming.seen_before(row.id, facts.message_id, but=id):
            return None, True
        self.evidence.taken(
            work, row, at=now, by=_BY, reason="answered", note=f"mail {id}: the mission answered"
        )
        passed_on, why = self._pass_on(work, id, row, facts, now)
        if why:
            work.incoming.sort_again(id, MailKind.ANSWER, delivery=row.id, why=why)
        return passed_on, not why

    def _pass_on(
        self, work: Work, id: MailId, row: Delivery, facts: MailFacts, now: datetime
    ) -> tuple[DeliveryId | None, str]:
        """Queues the mail that takes the answer to the supporter, or to the campaign where the supporter's
        address is shielded; with it why that could not be done, "" where it was."""
        letter = work.letters.get([row.letter])[row.letter]
        if letter.email is None:
            return None, "The supporter's data was erased."
        campaign = self.campaigns.get(letter.campaign)
        recipient = (campaign.letterhead.email or campaign.from_address) if letter.shielded else letter.email
        new = notice(letter, Notice.ANSWER, campaign, at=now)
        if letter.shielded:
            new = replace(new, recipient=recipient)
        try:
            rendered = self.writer.render_notice(
                "answer_to_campaign" if letter.shielded else "answer",
                language=letter.language,
                campaign=campaign,
                recipient=recipient,
                recipient_name=campaign.letterhead.name if letter.shielded else letter.name or "",
                message_id=new.message_id,
                variables=self._variables(work, id, row, letter, campaign, facts, now),
            )
        except DispatcherError as problem:
            return None, f"It could not be passed on: {problem}"
        (passed_on,) = work.outbox.add([new], at=now, by=_BY)
        work.outbox.rendered([(passed_on, rendered)], at=now)
        return passed_on, ""

    def _variables(
        self,
        work: Work,
        id: MailId,
        row: Delivery,
        letter: Letter,
        campaign: Campaign,
        facts: MailFacts,
        now: datetime,
    ) -> dict[str, str]:
        mission = self.routing.present(work).directory.mission(row.mission) if row.mission else None
        return {
            "name": letter.name or "",
            "campaign_name": campaign.name,
            "mission_name": mission.name if mission else str(row.mission or ""),
            "day": self.places.long_date(now.date(), letter.language),
            "sender": facts.sender if _MAILBOX.fullmatch(facts.sender) else "?",
            "number": str(letter.id),
            "mail": str(id),
            "letter_text": quoted(facts.text),
        }


def quoted(text: str) -> str:
    """An answer as a quotation in plain text."""
    clean = _UNSEEN.sub(" ", text.replace("\t", " "))[:_LONGEST_ANSWER].strip()
    return "\n".join(f"> {line}".rstrip() for line in clean.splitlines()) or ">"
