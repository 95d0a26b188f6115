"""Letters become the bytes that will be sent, and are digested, before the day: sending renders nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from dispatcher.domain.campaign import Campaign
from dispatcher.domain.delivery import Delivery, DeliveryState, HoldReason
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.letter import Letter
from dispatcher.domain.mission import Channel
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.clock import Clock
from dispatcher.services.notices import Notices
from dispatcher.services.place_names import PlaceNames
from dispatcher.services.routing import Routing, Wayfinder
from dispatcher.services.stationery import LetterContent, MailWriter, Rendered, Typesetter
from dispatcher.services.store import Store, Work

BATCH = 200


@dataclass(frozen=True, kw_only=True)
class Preparation:
    store: Store
    clock: Clock
    campaigns: Campaigns
    routing: Routing
    places: PlaceNames
    mail: MailWriter
    typesetter: Typesetter
    notices: Notices

    def prepare(self, limit: int = BATCH) -> int:
        """Renders at most `limit` rows of the queue that have no bytes yet, the soonest due first. A letter that
        cannot be rendered is held, with the reason. Answers how many rows were looked at.

        Renders outside the write transaction: a page takes longer than others should wait for the lock."""
        with self.store.read() as work:
            rows = work.outbox.unrendered(limit)
            if not rows:
                return 0
            letters = work.letters.get({row.letter for row in rows})
            way = self.routing.present(work)
        done, stuck, erased = [], [], []
        for row in rows:
            if letters[row.letter].text is None:
                erased.append(row.id)
                continue
            try:
                done.append((row, self._render(row, letters[row.letter], way)))
            except DispatcherError as error:
                stuck.append((row, str(error)))
        now = self.clock.now()
        with self.store.write() as work:
            self._keep_enclosures(work, [row for row, _ in done])
            current = work.outbox.get(row.id for row in rows)
            still = {
                id
                for id, row in current.items()
                if row.state is DeliveryState.QUEUED and row.rendering is None
            }
            work.outbox.rendered([(row.id, made) for row, made in done if row.id in still], at=now)
            gone = [id for id in erased if id in still]
            work.outbox.move(gone, DeliveryState.CANCELLED, at=now, by="stationery", reason="erased")
            for row, why in stuck:
                if row.id in still:
                    work.outbox.move(
                        [row.id],
                        DeliveryState.HELD,
                        at=now,
                        by="stationery",
                        reason=HoldReason.CANNOT_TYPESET.value,
                        note=why,
                    )
        return len(rows)

    def prepare_all(self) -> int:
        """Until nothing waits for it."""
        total = 0
        while count := self.prepare():
            total += count
        return total

    def _render(self, row: Delivery, letter: Letter, way: Wayfinder) -> Rendered:
        campaign = self.campaigns.get(row.campaign)
        if row.notice is not None:
            return self.notices.render(row, letter, campaign, way)
        assert row.channel is not None and row.recipient is not None  # noqa: S101 - queued rows have both
        match row.channel:
            case Channel.EMAIL:
                content = self.content(row, letter, campaign, way)
                return self.mail.render_email(content, recipient=row.recipient)
            case Channel.FAX | Channel.PAPER:
                return self.page(row, letter, way)
            case _:
                assert_never(row.channel)

    def page(self, row: Delivery, letter: Letter, way: Wayfinder) -> Rendered:
        """The letter as PDF."""
        content = self.content(row, letter, self.campaigns.get(row.campaign), way)
        return self.typesetter.render_pdf(content, self.places.long_date(letter.action_day, letter.language))

    def content(self, row: Delivery, letter: Letter, campaign: Campaign, way: Wayfinder) -> LetterContent:
        """Everything that a page or a mail of this letter shows."""
        assert row.mission is not None  # noqa: S101 - a row without a mission is held, never queued
        return LetterContent(
            campaign=campaign,
            action_day=letter.action_day,
            mission=way.mission(row.mission),
            language=letter.language,
            subject=letter.subject or campaign.sample(letter.language).subject,
            text=letter.text or "",
            writer_name=letter.name or "",
            organisation=letter.organisation or "",
            place_line=place_line(letter, self.places),
            shielded=letter.shielded,
            reply_to=campaign.from_address if letter.shielded else letter.email or campaign.from_address,
            message_id=row.message_id,
            reference=f"{campaign.id}/{letter.id}",
        )

    def _keep_enclosures(self, work: Work, rows: Sequence[Delivery]) -> None:
        for campaign in {self.campaigns.get(row.campaign).id for row in rows if row.channel is Channel.EMAIL}:
            enclosures = self.campaigns.get(campaign).enclosures
            if enclosures:
                work.enclosures.keep([self.mail.encode_enclosure(enclosure) for enclosure in enclosures])


def place_line(letter: Letter, places: PlaceNames) -> str:
    """Where the writer lives, the country last, in the letter's language."""
    # Some lists of regions turn names round ("Madrid, Comunidad de"): what stands before the comma is enough.
    region = places.region_name(letter.region, letter.language).partition(",")[0] if letter.region else ""
    parts = (letter.city or "", region, places.country_name(letter.country, letter.language))
    # A city that gives its region the name ("Berlin, Berlin") stands once.
    return ", ".join(dict.fromkeys(part for part in parts if part))
