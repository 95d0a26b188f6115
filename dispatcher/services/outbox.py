"""Approved letters enter the outbox: the channel that opens first, the hour at which it is due, and what
happens when a channel has failed, a pause is set, or the directory has changed."""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from dispatcher.domain.campaign import Campaign, CampaignId
from dispatcher.domain.channel_choice import ChannelChoice
from dispatcher.domain.delivery import (
    OPENS_NEXT_CHANNEL,
    PAUSES,
    Delivery,
    DeliveryId,
    DeliveryState,
    HoldReason,
    NewDelivery,
    Notice,
)
from dispatcher.domain.letter import Letter, LetterId
from dispatcher.domain.mission import Channel
from dispatcher.domain.routing import Route
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.routing import Routing, Wayfinder, channel_after, mission_key
from dispatcher.services.store import Work


@dataclass(frozen=True, kw_only=True)
class Dispatch:
    """Puts letters into the outbox. carriers: the channels that something can really carry in this mode."""

    routing: Routing
    campaigns: Campaigns
    carriers: frozenset[Channel]

    def open_first(self, work: Work, letters: Sequence[Letter], *, at: datetime) -> list[DeliveryId]:
        """Opens the first channel of letters that were just approved."""
        way = self.routing.present(work)
        routes = [self._route(way, letter) for letter in letters]
        firsts = [
            (letter, found, next(iter(found.channels), None))
            for letter, found in zip(letters, routes, strict=True)
        ]
        return self._open(work, way, firsts, at=at)

    def open_next(self, work: Work, failed: Sequence[Delivery], *, at: datetime) -> list[DeliveryId]:
        """Opens the next channel of letters whose delivery has failed or bounced; a letter whose last channel
        that was, or that was erased meanwhile, stays with its failed delivery."""
        if not failed:
            return []
        way = self.routing.present(work)
        letters = work.letters.get(delivery.letter for delivery in failed)
        histories = work.outbox.of_letters(list(letters))
        openings = []
        for delivery in failed:
            letter = letters[delivery.letter]
            found = self._route(way, letter)
            choice = channel_after(
                found,
                delivery.channel,
                order=self.campaigns.get(letter.campaign).channels,
                tried=_tried(histories[letter.id]),
            )
            if choice is not None and letter.text is not None:
                openings.append((letter, found, choice))
        return self._open(work, way, openings, at=at, any_hour=_any_hour(failed))

    def _open(
        self,
        work: Work,
        way: Wayfinder,
        openings: Sequence[tuple[Letter, Route, ChannelChoice | None]],
        *,
        at: datetime,
        any_hour: frozenset[LetterId] = frozenset(),
    ) -> list[DeliveryId]:
        """any_hour: letters that were released by hand; what follows from that stays released."""
        due = [
            at if letter.id in any_hour else slot
            for (letter, _, _), slot in zip(openings, self._due(work, way, openings, at), strict=True)
        ]
        return work.outbox.add(
            [
                NewDelivery(
                    letter=letter.id,
                    campaign=letter.campaign,
                    due_at=due_at,
                    message_id=new_message_id(self.campaigns.get(letter.campaign)),
                    mission=found.mission,
                    channel=choice.channel if choice else None,
                    recipient=choice.contact.value if choice else None,
                    held=self._hold(found, choice),
                    any_hour=letter.id in any_hour,
                )
                for (letter, found, choice), due_at in zip(openings, due, strict=True)
            ],
            at=at,
            by="outbox",
        )

    def _due(
        self,
        work: Work,
        way: Wayfinder,
        openings: Sequence[tuple[Letter, Route, ChannelChoice | None]],
        at: datetime,
    ) -> list[datetime]:
        """Each mission's next free slots, in the order of the letters."""
        wanted = Counter(
            (letter.campaign, letter.action_day, found.mission)
            for letter, found, _ in openings
            if found.mission
        )
        taken: dict[tuple[str, object, str], int] = {}
        for campaign, day in {(campaign, day) for campaign, day, _ in wanted}:
            first = work.timing.take_slots(
                campaign, day, {m: n for (c, d, m), n in wanted.items() if (c, d) == (campaign, day)}
            )
            taken |= {(campaign, day, mission): number for mission, number in first.items()}
        due = []
        for letter, found, _ in openings:
            if found.mission is None:
                due.append(datetime.combine(letter.action_day, time(), UTC))
                continue
            campaign_of = self.campaigns.get(letter.campaign)
            timetable = way.timetable(way.mission(found.mission), campaign_of, letter.action_day)
            key = (letter.campaign, letter.action_day, found.mission)
            slot = timetable.slot(taken[key], campaign_of.pacing.letters_per_hour)
            taken[key] += 1
            # A slot that has passed: as soon as the office is open; the courier keeps the pace.
            due.append(slot if slot >= at else timetable.next_open(at))
        return due

    def _hold(self, found: Route, choice: ChannelChoice | None) -> HoldReason | None:
        if choice is None:
            return found.held or HoldReason.NO_CONTACT
        return None if choice.channel in self.carriers else HoldReason.NO_CARRIER

    def _route(self, way: Wayfinder, letter: Letter) -> Route:
        return way.route_letter(letter, self.campaigns.get(letter.campaign))

    def fit_to_carriers(self, work: Work, *, at: datetime) -> int:
        """After a change of mode: what is queued for a carrier that this mode lacks is held, and the reverse."""
        return self.reroute(work, at=at) if work.outbox.wrongly_held(self.carriers) else 0

    def reroute(
        self,
        work: Work,
        *,
        at: datetime,
        missions: Sequence[str] | None = None,
        letters: Sequence[LetterId] | None = None,
    ) -> int:
        """After a change of the directory (of these missions), of these letters or of the carriers: every letter
        that has not left is sent to where it would go now. Answers how many deliveries changed."""
        way = self.routing.present(work)
        waiting = work.outbox.waiting(missions=missions, letters=letters)
        known = work.letters.get({row.letter for row in waiting})
        histories = work.outbox.of_letters(list(known))
        stale, reopen = [], []
        for row in waiting:
            letter = known[row.letter]
            found = self._route(way, letter)
            tried = _tried(histories[letter.id])
            choice = next((c for c in found.channels if c.channel not in tried), None)
            hold = self._hold(found, choice)
            same = (
                row.mission == found.mission
                and row.channel == (choice.channel if choice else None)
                and row.recipient == (choice.contact.value if choice else None)
                and (row.state is DeliveryState.HELD and row.reason not in _PAUSE_VALUES)
                == (hold is not None)
            )
            if not same:
                stale.append(row)
                reopen.append((letter, found, choice))
        if stale:
            self._send_anew(work, way, stale, reopen, at=at)
        return len(stale)

    def _send_anew(
        self,
        work: Work,
        way: Wayfinder,
        stale: Sequence[Delivery],
        reopen: Sequence[tuple[Letter, Route, ChannelChoice | None]],
        *,
        at: datetime,
    ) -> None:
        going, doubles = [], []
        for row, (letter, found, choice) in zip(stale, reopen, strict=True):
            if self._is_double(work, letter, mission_key(found)):
                doubles.append(row.id)
            else:
                work.letters.reroute(letter.id, mission_key(found), found.reason)
                going.append((row, (letter, found, choice)))
        for ids, reason in (([row.id for row, _ in going], "rerouted"), (doubles, "double")):
            work.outbox.move(ids, DeliveryState.CANCELLED, at=at, by="outbox", reason=reason)
        self._open(
            work, way, [opening for _, opening in going], at=at, any_hour=_any_hour([row for row, _ in going])
        )
        work.outbox.apply_pauses(at=at, by="outbox")

    def _is_double(self, work: Work, letter: Letter, mission: str) -> bool:
        """Whether the writer's other letter stands for that mission already: of two, one goes there."""
        if letter.person is None or mission == letter.mission:
            return False
        standing = work.letters.standing(letter.campaign, letter.action_day, [letter.person])
        return (letter.person, mission) in standing

    def choose(self, work: Work, letter: LetterId, mission: str, *, at: datetime) -> int:
        """An organizer's choice for a letter whose place does not decide. Answers how many deliveries changed.
        Raises NoSuchMission."""
        chosen = self.routing.present(work).mission(mission)
        work.letters.choose_mission(letter, chosen.id)
        return self.reroute(work, at=at, letters=[letter])

    def release(self, work: Work, campaign: Campaign, *, at: datetime, now: bool) -> int:
        """Gives every waiting letter of the campaign its due time anew, in the order in which they wait: by the
        timetable, or, with `now`, from this moment on at each mission's pace, whatever the hour."""
        way = self.routing.present(work)
        rows = [row for row in work.outbox.waiting(campaign.id) if row.mission and row.channel]
        days = {
            id: letter.action_day for id, letter in work.letters.get({row.letter for row in rows}).items()
        }
        count: Counter[str] = Counter()
        due = {}
        per_hour = campaign.pacing.letters_per_hour
        for row in rows:
            assert row.mission is not None  # noqa: S101 - filtered above
            place_in_line = count[row.mission]
            count[row.mission] += 1
            if now:
                due[row.id] = at + place_in_line * (_HOUR / per_hour)
                continue
            timetable = way.timetable(way.mission(row.mission), campaign, days[row.letter])
            due[row.id] = timetable.slot(place_in_line, per_hour, at)
        work.outbox.reschedule(due, any_hour=now)
        return len(due)


def _tried(history: Sequence[Delivery]) -> set[Channel]:
    """The channels by which the letter has not reached its mission."""
    return {past.channel for past in history if past.state in OPENS_NEXT_CHANNEL and past.channel is not None}


def _any_hour(rows: Sequence[Delivery]) -> frozenset[LetterId]:
    return frozenset(row.letter for row in rows if row.any_hour)


_HOUR = timedelta(hours=1)
_PAUSE_VALUES = {reason.value for reason in PAUSES}


def new_message_id(campaign: Campaign) -> str:
    """A Message-ID (RFC 5322 3.6.4): 160 random bits, so that nothing can be read from it."""
    return f"<{secrets.token_hex(20)}@{campaign.from_address.rpartition('@')[2]}>"


def notice(letter: Letter | LetterId, kind: Notice, campaign: Campaign, *, at: datetime) -> NewDelivery:
    """A mail to the letter's writer, due at once."""
    id = letter.id if isinstance(letter, Letter) else letter
    return NewDelivery(
        letter=id,
        campaign=CampaignId(campaign.id),
        due_at=at,
        message_id=new_message_id(campaign),
        notice=kind,
    )
