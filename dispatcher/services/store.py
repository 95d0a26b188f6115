"""What the services need of a database: Protocols, one a noun. All calls inside one `write()` block are one
transaction; every state change here writes its log row in that same transaction."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol

from dispatcher.domain.campaign import CampaignId
from dispatcher.domain.delivery import (
    Delivery,
    DeliveryId,
    DeliveryState,
    HoldReason,
    Move,
    NewDelivery,
    Notice,
)
from dispatcher.domain.directory import Directory
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.letter import Letter, LetterId, LetterState, NewLetter
from dispatcher.domain.mission import Channel, Contact, ContactKind, Health, MissionId
from dispatcher.domain.outcome import Attempt, OutcomeKind
from dispatcher.services.audit import Ledger
from dispatcher.services.fax_jobs import FaxJobs
from dispatcher.services.incoming import Incoming
from dispatcher.services.organizers import Organizers
from dispatcher.services.pauses import Pauses
from dispatcher.services.review_set import ReviewSet
from dispatcher.services.seals import Seals
from dispatcher.services.stationery import EncodedEnclosure, Rendered
from dispatcher.services.vitals import Vitals


class StoreUnavailable(DispatcherError):
    """The database cannot be used now: {problem}. Nothing was lost; the same command can be given again."""


class StoreConflict(DispatcherError):
    """The same thing was done by somebody else at this moment. Look again, then repeat it if it is still needed."""


class Letters(Protocol):
    """The letters; also who wrote them. An approved one is dispatched from the moment somebody takes a delivery of it;
    nobody has to say so."""

    def person(self, mailbox: str) -> bytes:
        """The blind index of a mailbox: the same person gives the same value."""

    def standing(
        self, campaign: CampaignId, action_day: date, persons: Sequence[bytes], *, asked: bool = False
    ) -> set[tuple[bytes, str]]:
        """The (person, mission) pairs among these persons that have a letter that stands; with `asked` also
        those whose writer has been asked and has not answered yet."""

    def by_form_key(self, form_key: str) -> Letter | None: ...

    def of_person(self, person: bytes) -> list[LetterId]: ...

    def add(self, letters: Sequence[NewLetter], *, at: datetime, by: str) -> list[LetterId]: ...

    def get(self, ids: Iterable[LetterId], *, lock: bool = False) -> dict[LetterId, Letter]:
        """lock: nobody else changes them until the transaction ends."""

    def move(self, id: LetterId, new: LetterState, *, at: datetime, by: str, note: str | None = None) -> None:
        """Raises IllegalMove; writes the log row."""

    def approve(self, ids: Sequence[LetterId], *, at: datetime, by: str) -> None:
        """Of letters that stand at confirmed."""

    def judge(self, id: LetterId, verdict: str, findings: str) -> None:
        """What a later reading found takes the place of what was found before. findings: as JSON."""

    def action_days(self, ids: Sequence[LetterId]) -> dict[LetterId, date]:
        """Without opening anything personal."""

    def in_state(
        self, state: LetterState, *, submitted_before: datetime | None = None, limit: int = 1000
    ) -> list[Letter]: ...

    def reroute(self, id: LetterId, mission: str, reason: str) -> None: ...

    def choose_mission(self, id: LetterId, mission: MissionId) -> None: ...

    def remind(self, id: LetterId, at: datetime) -> None:
        """Notes that the one reminder was queued."""

    def unreminded(self, submitted_before: datetime, limit: int = 1000) -> list[Letter]: ...

    def erase(self, ids: Sequence[LetterId], *, at: datetime) -> None:
        """Removes every personal field and the rendered bytes; the log rows stay."""

    def count(self, campaign: CampaignId | None = None) -> dict[LetterState, int]:
        """Reads them all. `undecided` is for who asks often."""

    def undecided(self) -> dict[LetterState, int]:
        """How many wait for their writer, for a second reading, or for a person."""


@dataclass(frozen=True, kw_only=True)
class LogFilter:
    """Which deliveries the log shows. text: searched in the recipient and the mission. notices: also mails to
    supporters."""

    state: DeliveryState | None = None
    mission: str | None = None
    channel: Channel | None = None
    letter: int | None = None
    campaign: str | None = None
    text: str = ""
    notices: bool = False


class Outbox(Protocol):
    """The queue and the delivery log."""

    def add(self, deliveries: Sequence[NewDelivery], *, at: datetime, by: str) -> list[DeliveryId]: ...

    def due(self, *, notices: bool, now: datetime, limit: int) -> list["Claimed"]:
        """At most `limit` due, rendered, unpaused rows, the longest due first, that no other courier looks at;
        none does until the transaction ends."""

    def start(
        self, ids: Sequence[DeliveryId], *, courier: str, lease: str, until: datetime, at: datetime
    ) -> set[DeliveryId]:
        """Marks queued rows as on the wire, under this lease; answers which, for a pause may keep some back."""

    def postpone(self, due: Mapping[DeliveryId, datetime]) -> None:
        """New due times for queued rows, by their mission's pace."""

    def hand_back(self, ids: Sequence[DeliveryId], *, lease: str, at: datetime, by: str, reason: str) -> None:
        """What this lease had marked and never began goes back to the queue."""

    def accept(
        self, attempts_made: Mapping[DeliveryId, Attempt], *, lease: str, at: datetime, by: str
    ) -> set[DeliveryId]:
        """Settles those that the next hop took. Answers which; a row whose lease has passed on is left alone."""

    def settle(self, results: Sequence["Settlement"], *, at: datetime, by: str) -> set[DeliveryId]:
        """Writes attempts and new states; a row whose lease has passed to somebody else is left alone."""

    def get(self, ids: Iterable[DeliveryId], *, lock: bool = False) -> dict[DeliveryId, Delivery]:
        """lock: nobody else changes them until the transaction ends."""

    def of_letters(self, ids: Sequence[LetterId], *, lock: bool = False) -> dict[LetterId, list[Delivery]]:
        """The letters' deliveries without notices, oldest first. lock: as in `get`."""

    def unrendered(self, limit: int) -> list[Delivery]: ...

    def rendered(self, pairs: Sequence[tuple[DeliveryId, Rendered]], *, at: datetime) -> None: ...

    def content(self, ids: Sequence[int]) -> dict[int, Rendered]: ...

    def approved(self, renderings: Sequence[int]) -> dict[int, "Approved"]:
        """By rendering; none of what was erased."""

    def move(
        self,
        ids: Sequence[DeliveryId],
        new: DeliveryState,
        *,
        at: datetime,
        by: str,
        reason: str | None = None,
        note: str | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """Raises IllegalMove for any of them; writes the log rows."""

    def recover(self, *, now: datetime, dead: Sequence[str], by: str) -> int:
        """What dead couriers have on the wire, and what a lease that ran out holds, becomes in_doubt. How many."""

    def renew(self, courier: str, until: datetime) -> None: ...

    def finish(self, leases: Sequence[str]) -> None:
        """Nothing of these leases is on the wire any more."""

    def reschedule(self, due: Mapping[DeliveryId, datetime], *, any_hour: bool) -> None:
        """New due times for rows that are queued or held."""

    def waiting(
        self,
        campaign: CampaignId | None = None,
        *,
        missions: Sequence[str] | None = None,
        letters: Sequence[LetterId] | None = None,
    ) -> list[Delivery]:
        """The letters' rows that are queued or held, by due time."""

    def wrongly_held(self, carriers: Iterable[Channel]) -> bool:
        """Whether a row waits for a carrier that there is, or is queued for one that there is not."""

    def held_for(self, reason: HoldReason) -> list[DeliveryId]: ...

    def cancel_notices(self, letters: Sequence[LetterId], *, at: datetime, by: str) -> None:
        """Mails to these letters' writers that have not left are not sent any more."""

    def queued_from(self, mission: MissionId, at: datetime) -> int:
        """How many of the mission's letters are queued for `at` or later."""

    def of_lease(self, lease: str) -> list[Delivery]: ...

    def under_way(self) -> int:
        """How many rows a courier has now."""

    def next_due(self, *, notices: bool | None = None) -> datetime | None:
        """Of letters, of notices, or (None) of both."""

    def apply_pauses(self, *, at: datetime, by: str) -> tuple[int, int]:
        """Holds queued rows that a pause covers, and queues again those whose pause was lifted."""

    def log(self, which: LogFilter, *, limit: int | None = None, offset: int = 0) -> list["LogRow"]: ...

    def count(self, which: LogFilter) -> int: ...

    def totals(self, campaign: CampaignId | None = None) -> dict[DeliveryState, int]:
        """The letters' rows by state; a letter that went on to another channel counts once for each."""

    def moves(self, id: DeliveryId) -> list[Move]: ...

    def has_mailroom_deliveries(self) -> bool:
        """Whether any letter here went to the mailroom of a rehearsal."""


class Claimed(NamedTuple):
    """A row as a courier claims it: what sending needs of it, and no more, for there are thousands a second."""

    id: DeliveryId
    letter: LetterId
    campaign: CampaignId
    notice: Notice | None
    mission: MissionId | None
    channel: Channel | None
    recipient: str | None
    rendering: int
    any_hour: bool


class Approved(NamedTuple):
    """A rendering as sending needs it. enclosures: digests, for each joined at that moment."""

    content: bytes
    enclosures: tuple[str, ...]
    pages: int | None


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """How one try ended. due_at: when it is tried again, for a row that goes back to the queue."""

    delivery: DeliveryId
    lease: str
    attempt: Attempt | None
    new: DeliveryState
    reason: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LogRow:
    delivery: Delivery
    attempts: tuple[Attempt, ...]


class Timing(Protocol):
    """Slots of the timetable and what was let through in the last hour."""

    def take_slots(self, campaign: CampaignId, action_day: date, wanted: Mapping[str, int]) -> dict[str, int]:
        """Takes so many slots a mission; answers the number of the first one taken for each."""

    def let_through(self, missions: Sequence[str], *, since_minute: int) -> dict[str, dict[int, int]]:
        """By mission and minute since 1970, over all channels. Nobody else is told until the transaction ends, so that
        two couriers never spend one budget twice."""

    def note_let_through(self, counts: Mapping[str, int], *, minute: int) -> None: ...

    def give_back(self, counts: Mapping[str, int], *, minute: int) -> None:
        """Of what was let through in that minute, so many never came to the mission."""

    def forget_before(self, minute: int) -> None: ...


class DirectoryShelf(Protocol):
    """The directory as it is kept: what was imported, and what organizers set by hand."""

    def load(self, *, by_hand: bool = True) -> Directory | None:
        """None before the first import. Without `by_hand`, as it was imported."""

    def version(self) -> int:
        """Grows with every change; 0 before the first import."""

    def digest(self) -> str | None:
        """The digest of the files of the last import."""

    def replace(self, directory: Directory, *, digest: str, summary: str, at: datetime) -> None: ...

    def cover(
        self, country: str, country_name: str, mission: MissionId, *, source: str, at: datetime
    ) -> None:
        """Letters from this country go to this mission, by an organizer's decision; imports leave it alone."""

    def set_contact(self, contact: Contact, *, at: datetime) -> None:
        """Adds a contact by hand, or replaces the mission's contact of the same kind and value."""

    def set_health(
        self, mission: MissionId, kind: ContactKind, value: str, health: Health, *, at: datetime
    ) -> bool:
        """Answers whether there is such a contact."""


class EnclosureShelf(Protocol):
    def keep(self, parts: Sequence[EncodedEnclosure]) -> None: ...

    def get(self, digests: Iterable[str]) -> dict[str, EncodedEnclosure]: ...


class Couriers(Protocol):
    def seen(self, id: str, host: str, at: datetime) -> None: ...

    def forget(self, id: str) -> None: ...

    def all(self) -> dict[str, datetime]: ...


class AlertBook(Protocol):
    """When organizers were last told of each kind of trouble, and how the letters fare."""

    def take(self, kind: str, *, at: datetime, told_before: datetime) -> bool:
        """Whether this kind may be told now; it counts as told then. Raises StoreConflict where another process
        tells it at this very moment."""

    def answers_since(self, at: datetime, limit: int) -> Sequence[OutcomeKind]:
        """What the next hops said of letters, the newest first."""


class Links(Protocol):
    def token(self, purpose: str, letter: LetterId) -> str: ...

    def letter(self, purpose: str, token: str) -> LetterId | None: ...

    def delivery_token(self, purpose: str, delivery: DeliveryId) -> str: ...

    def delivery(self, purpose: str, token: str) -> DeliveryId | None:
        """None for a token that was not made here for this purpose."""


class Work(Protocol):
    """One transaction's view of everything."""

    @property
    def letters(self) -> Letters: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def timing(self) -> Timing: ...
    @property
    def pauses(self) -> Pauses: ...
    @property
    def directory(self) -> DirectoryShelf: ...
    @property
    def enclosures(self) -> EnclosureShelf: ...
    @property
    def organizers(self) -> Organizers: ...
    @property
    def couriers(self) -> Couriers: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def incoming(self) -> Incoming: ...
    @property
    def faxes(self) -> FaxJobs: ...
    @property
    def alerts(self) -> AlertBook: ...
    @property
    def review_set(self) -> ReviewSet: ...

    @property
    def seals(self) -> Seals: ...
    @property
    def vitals(self) -> Vitals: ...


class Store(Protocol):
    @property
    def links(self) -> Links: ...

    def read(self) -> AbstractContextManager[Work]: ...

    def write(self) -> AbstractContextManager[Work]: ...

    def tidy(self) -> None:
        """What a write would otherwise have to do now and then for those before it, and would take its time for."""
