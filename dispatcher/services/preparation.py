"""Letters become the bytes that will be sent, and are digested, before the day: sending renders nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from dispatcher.domain.campaign import Campaign
from dispatcher.domain.delivery import Delivery, DeliveryState, HoldReason
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.letter import Letter, LetterId
from dispatcher.domain.mission import Channel
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.clock import Clock
from dispatcher.services.notices import Notices
from dispatcher.services.place_names import PlaceNames
from dispatcher.services.routing import Routing, Wayfinder
from dispatcher.services.stationery import (
    LetterContent,
    MailWriter,
    PageOrder,
    Pages,
    Rendered,
    StationeryUnusable,
)
from dispatcher.services.store import Store, Work
from dispatcher.services.transport import check_content

BATCH = 200


@dataclass(frozen=True, kw_only=True)
class Preparation:
    store: Store
    clock: Clock
    campaigns: Campaigns
    routing: Routing
    places: PlaceNames
    mail: MailWriter
    pages: Pages
    notices: Notices

    def prepare(self, limit: int = BATCH) -> int:
        """Renders at most `limit` rows of the queue that have no bytes yet, the soonest due first. A letter that
        cannot be rendered is held, with the reason. Answers how many rows were looked at.

        Renders outside the write transaction: a page takes longer than others should wait for the lock."""
        with self.store.read() as work:
            rows = work.outbox.unrendered(limit)
            if rows:
                letters = work.letters.get({row.letter for row in rows})
                way = self.routing.present(work)
        if not rows:
            self.pages.rest()
            return 0
        erased = [row.id for row in rows if letters[row.letter].text is None]
        there = [row for row in rows if letters[row.letter].text is not None]
        answers = self._render(there, letters, way)
        now = self.clock.now()
        with self.store.write() as work:
            current = work.outbox.get(row.id for row in rows)
            still = {
                id
                for id, row in current.items()
                if row.state is DeliveryState.QUEUED and row.rendering is None
            }
            done = [(row, answer) for row, answer in answers if isinstance(answer, Rendered)]
            self._keep_enclosures(work, [row for row, _ in done])
            work.outbox.rendered([(row.id, made) for row, made in done if row.id in still], at=now)
            gone = [id for id in erased if id in still]
            work.outbox.move(gone, DeliveryState.CANCELLED, at=now, by="stationery", reason="erased")
            for row, answer in answers:
                if isinstance(answer, DispatcherError) and row.id in still:
                    work.outbox.move(
                        [row.id],
                        DeliveryState.HELD,
                        at=now,
                        by="stationery",
                        reason=_hold(answer).value,
                        note=str(answer),
                    )
        return len(rows)

    def prepare_all(self) -> int:
        """Until nothing waits for it."""
        total = 0
        while count := self.prepare():
            total += count
        return total

    def try_again(self) -> int:
        """What was held for the letterhead or an enclosure waits to be rendered again: they may have been mended.
        Answers how many."""
        with self.store.write() as work:
            held = work.outbox.held_for(HoldReason.STATIONERY)
            now = self.clock.now()
            work.outbox.move(
                held, DeliveryState.QUEUED, at=now, by="stationery", reason=None, note="tried again at start"
            )
            if held:
                work.outbox.apply_pauses(at=now, by="stationery")
        return len(held)

    def page(self, row: Delivery, letter: Letter, way: Wayfinder) -> Rendered:
        """The letter as PDF. Raises what keeps it from being one."""
        (answer,) = self.pages.render([self._page_order(row, letter, way)])
        if isinstance(answer, DispatcherError):
            raise answer
        return answer

    def _render(
        self, rows: Sequence[Delivery], letters: Mapping[LetterId, Letter], way: Wayfinder
    ) -> list[tuple[Delivery, Rendered | DispatcherError]]:
        """Mails one by one; pages all together, so that all cores can be put to it."""
        on_paper = [row for row in rows if _is_page(row)]
        orders = []
        for row in on_paper:
            order = self._page_order(row, letters[row.letter], way)
            is_fax = row.channel is Channel.FAX
            orders.append(replace(order, fax=order.content.campaign.fax_resolution if is_fax else None))
        answers = list(zip(on_paper, self.pages.render(orders), strict=True)) if orders else []
        for row in rows:
            if not _is_page(row):
                answers.append((row, self._mail(row, letters[row.letter], way)))
        return answers

    def _mail(self, row: Delivery, letter: Letter, way: Wayfinder) -> Rendered | DispatcherError:
        campaign = self.campaigns.get(row.campaign)
        try:
            if row.notice is not None:
                mail = self.notices.render(row, letter, campaign, way)
            else:
                assert row.recipient is not None  # noqa: S101 - queued rows have one
                content = self.content(row, letter, campaign, way)
                mail = self.mail.render_email(content, recipient=row.recipient)
            check_content(mail.content)
            return mail
        except DispatcherError as problem:
            return problem

    def _page_order(self, row: Delivery, letter: Letter, way: Wayfinder) -> PageOrder:
        content = self.content(row, letter, self.campaigns.get(row.campaign), way)
        return PageOrder(content=content, day_line=self.places.long_date(letter.action_day, letter.language))

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
        """In the forms in which these rows need them."""
        for id, channel in {(row.campaign, row.channel) for row in rows if row.notice is None}:
            campaign = self.campaigns.get(id)
            if not campaign.enclosures:
                continue
            if channel is Channel.EMAIL:
                work.enclosures.keep([self.mail.encode_enclosure(each) for each in campaign.enclosures])
            elif channel is Channel.FAX:
                work.enclosures.keep(self.pages.fax_enclosures(campaign))


def _is_page(row: Delivery) -> bool:
    if row.notice is not None or row.channel is None:
        return False
    match row.channel:
        case Channel.FAX | Channel.PAPER:
            return True
        case Channel.EMAIL:
            return False
        case _:
            assert_never(row.channel)


def _hold(problem: DispatcherError) -> HoldReason:
    return HoldReason.STATIONERY if isinstance(problem, StationeryUnusable) else HoldReason.CANNOT_TYPESET


def place_line(letter: Letter, places: PlaceNames) -> str:
    """Where the writer lives, the country last, in the letter's language."""
    # Some lists of regions turn names round ("Madrid, Comunidad de"): what stands before the comma is enough.
    region = places.region_name(letter.region, letter.language).partition(",")[0] if letter.region else ""
    parts = (letter.city or "", region, places.country_name(letter.country, letter.language))
    # A city that gives its region the name ("Berlin, Berlin") stands once.
    return ", ".join(dict.fromkeys(part for part in parts if part))
