"""Letters in the database: one function a query."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from dispatcher.adapters.database.bulk import as_value, fetched, insert_rows, listed
from dispatcher.adapters.database.move_log import write_same_move
from dispatcher.adapters.database.schema import (
    UNDECIDED,
    incoming,
    letters,
    moves,
    outbox,
    renderings,
    writings,
)
from dispatcher.adapters.database.types import Vault
from dispatcher.domain.campaign import CampaignId
from dispatcher.domain.delivery import WITH_MISSION, DeliveryState
from dispatcher.domain.letter import STANDING, Letter, LetterId, LetterState, NewLetter, check_letter_move
from dispatcher.domain.mission import Channel, MissionId

# Both engines take at least this many bound values in one statement (SQLite: 32,766).
CHUNK = 10_000
_WORDS = ("name", "email", "organisation", "city", "subject", "text", "findings", "route_reason")
_UNDECIDED = frozenset({LetterState.SUBMITTED, LetterState.CONFIRMED, LetterState.IN_REVIEW})


class LetterTable:
    def __init__(self, connection: Connection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    def person(self, mailbox: str) -> bytes:
        return self._vault.person_index(mailbox)

    def standing(
        self, campaign: CampaignId, action_day: date, persons: Sequence[bytes], *, asked: bool = False
    ) -> set[tuple[bytes, str]]:
        states = [state.value for state in STANDING]
        if asked:
            states.append(LetterState.SUBMITTED.value)
        rows = self._connection.execute(
            select(letters.c.person, letters.c.mission).where(
                letters.c.campaign == campaign,
                letters.c.action_day == action_day,
                letters.c.person.in_(persons),
                letters.c.state.in_(states),
            )
        )
        return {(bytes(row.person), row.mission) for row in rows}

    def by_form_key(self, form_key: str) -> Letter | None:
        row = self._connection.execute(_whole().where(letters.c.form_key == form_key)).first()
        return _letter(row) if row else None

    def of_person(self, person: bytes) -> list[LetterId]:
        rows = self._connection.scalars(
            select(letters.c.id).where(letters.c.person == person).order_by(letters.c.id)
        )
        return [LetterId(id) for id in rows]

    def add(self, new: Sequence[NewLetter], *, at: datetime, by: str) -> list[LetterId]:
        if not new:
            return []
        ids = [
            LetterId(id)
            for id in self._connection.scalars(
                insert(letters).returning(letters.c.id, sort_by_parameter_order=True),
                [_row(letter, at) for letter in new],
            )
        ]
        insert_rows(
            self._connection,
            writings,
            ("letter", *_WORDS),
            [(id, *(getattr(letter, word) for word in _WORDS)) for id, letter in zip(ids, new, strict=True)],
        )
        self._log([(id, None, letter.state) for id, letter in zip(ids, new, strict=True)], at=at, by=by)
        return ids

    def get(self, ids: Iterable[LetterId], *, lock: bool = False) -> dict[LetterId, Letter]:
        wanted = list(ids)
        found = {}
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            query = _whole().where(letters.c.id.in_(chunk))
            for row in self._connection.execute(query.with_for_update(of=letters) if lock else query):
                found[LetterId(row.id)] = _letter(row)
        return found

    def action_days(self, ids: Sequence[LetterId]) -> dict[LetterId, date]:
        query = select(letters.c.id, letters.c.action_day).where(
            letters.c.id.in_(listed(self._connection.dialect.name))
        )
        rows = self._connection.execute(query, {"ids": as_value(self._connection, ids)})
        return {LetterId(id): day for id, day in rows}

    def move(self, id: LetterId, new: LetterState, *, at: datetime, by: str, note: str | None = None) -> None:
        old = LetterState(
            self._connection.execute(
                select(_STATE).where(letters.c.id == id).with_for_update(of=letters)
            ).scalar_one()
        )
        check_letter_move(old, new)
        stamps: dict[str, datetime] = {}
        if new is LetterState.CONFIRMED:
            stamps["confirmed_at"] = at
        elif new is LetterState.APPROVED:
            stamps["approved_at"] = at
        elif new in {LetterState.WITHDRAWN, LetterState.REJECTED, LetterState.EXPIRED}:
            stamps["closed_at"] = at
        self._connection.execute(
            update(letters)
            .where(letters.c.id == id)
            .values(state=new.value, stands=new in STANDING, **stamps)
        )
        self._log([(id, old, new)], at=at, by=by, note=note)

    def approve(self, ids: Sequence[LetterId], *, at: datetime, by: str) -> None:
        confirmed, approved = LetterState.CONFIRMED, LetterState.APPROVED
        check_letter_move(confirmed, approved)
        statement = _approved(self._connection.dialect.name)
        rows = fetched(self._connection, statement, ids=as_value(self._connection, ids), at=at)
        write_same_move(
            self._connection,
            "letter",
            [id for (id,) in rows],
            confirmed.value,
            approved.value,
            at=at,
            by=by,
        )

    def judge(self, id: LetterId, verdict: str, findings: str) -> None:
        self._connection.execute(update(letters).where(letters.c.id == id).values(verdict=verdict))
        self._connection.execute(update(writings).where(writings.c.letter == id).values(findings=findings))

    def in_state(
        self, state: LetterState, *, submitted_before: datetime | None = None, limit: int = 1000
    ) -> list[Letter]:
        query = _whole().order_by(letters.c.submitted_at, letters.c.id)
        if state in _UNDECIDED:
            query = query.where(letters.c.state == state.value, UNDECIDED)
        else:
            query = query.where(_STATE.in_([state.value]))
        if submitted_before is not None:
            query = query.where(letters.c.submitted_at < submitted_before)
        return [_letter(row) for row in self._connection.execute(query.limit(limit))]

    def reroute(self, id: LetterId, mission: str, reason: str) -> None:
        self._connection.execute(update(letters).where(letters.c.id == id).values(mission=mission))
        self._connection.execute(update(writings).where(writings.c.letter == id).values(route_reason=reason))

    def choose_mission(self, id: LetterId, mission: MissionId) -> None:
        self._connection.execute(update(letters).where(letters.c.id == id).values(chosen_mission=mission))

    def remind(self, id: LetterId, at: datetime) -> None:
        self._connection.execute(update(letters).where(letters.c.id == id).values(reminded_at=at))

    def unreminded(self, submitted_before: datetime, limit: int = 1000) -> list[Letter]:
        query = _whole().where(
            letters.c.state == LetterState.SUBMITTED.value,
            UNDECIDED,
            letters.c.submitted_at < submitted_before,
            letters.c.reminded_at.is_(None),
        )
        return [_letter(row) for row in self._connection.execute(query.limit(limit))]

    def erase(self, ids: Sequence[LetterId], *, at: datetime) -> None:
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            self._connection.execute(
                update(letters).where(letters.c.id.in_(chunk)).values(person=None, form_key=None)
            )
            self._connection.execute(
                update(writings).where(writings.c.letter.in_(chunk)).values(dict.fromkeys(_WORDS))
            )
            self._connection.execute(
                update(renderings)
                .where(renderings.c.id.in_(select(outbox.c.rendering).where(outbox.c.letter.in_(chunk))))
                .values(content=None)
            )
            self._connection.execute(
                update(incoming)
                .where(incoming.c.outbox.in_(select(outbox.c.id).where(outbox.c.letter.in_(chunk))))
                .values(content=None)
            )

    def count(self, campaign: CampaignId | None = None) -> dict[LetterState, int]:
        # Of all letters at once: to look each one up by itself would take several times as long.
        taken = select(outbox.c.letter).where(_TAKEN).distinct().subquery()
        state = _dispatched_where(taken.c.letter.is_not(None)).label("now")
        query = select(state, func.count()).select_from(
            letters.outerjoin(taken, taken.c.letter == letters.c.id)
        )
        if campaign is not None:
            query = query.where(letters.c.campaign == campaign)
        return self._counts(query.group_by(state))

    def undecided(self) -> dict[LetterState, int]:
        waits = letters.c.state.in_([state.value for state in _UNDECIDED])
        query = select(letters.c.state, func.count()).where(waits, UNDECIDED)
        return self._counts(query.group_by(letters.c.state))

    def _counts(self, query: Select[str, int]) -> dict[LetterState, int]:
        return {LetterState(state): count for state, count in sorted(self._connection.execute(query))}

    def _log(
        self,
        steps: Sequence[tuple[LetterId, LetterState | None, LetterState]],
        *,
        at: datetime,
        by: str,
        note: str | None = None,
    ) -> None:
        if steps:
            insert_rows(
                self._connection,
                moves,
                ("subject", "subject_id", "old", "new", "note", "by", "at"),
                [
                    ("letter", id, old.value if old else None, new.value, note, by, at)
                    for id, old, new in steps
                ],
            )


@cache
def _approved(engine: str) -> ReturningUpdate[tuple[int]]:
    return (
        update(letters)
        .where(letters.c.id.in_(listed(engine)), letters.c.state == LetterState.CONFIRMED.value)
        .values(
            state=LetterState.APPROVED.value, approved_at=bindparam("at", type_=letters.c.approved_at.type)
        )
        .returning(letters.c.id)
    )


def _dispatched_where(taken: ColumnElement[bool]) -> ColumnElement[str]:
    """A letter's state. That it is dispatched follows from its deliveries; in rows of before it is also written down."""
    approved = letters.c.state == LetterState.APPROVED.value
    return case((and_(approved, taken), LetterState.DISPATCHED.value), else_=letters.c.state)


_WITH_MISSION = [state.value for state in WITH_MISSION]
# Where the state does not tell whether somebody ever took it: what came back may have been in doubt before, and faxes are
# given back by their carriers (`GIVEN_BACK`). For these few the log is asked.
_MAY_HAVE_BEEN = or_(
    outbox.c.state == DeliveryState.BOUNCED.value,
    outbox.c.channel == Channel.FAX.value,
)
_WAS = exists().where(
    moves.c.subject == "delivery", moves.c.subject_id == outbox.c.id, moves.c.new.in_(_WITH_MISSION)
)
# Of a row of the outbox: a letter that somebody took, now or at some time.
_TAKEN = and_(
    outbox.c.kind == "letter",
    or_(outbox.c.state.in_(_WITH_MISSION), and_(_MAY_HAVE_BEEN, _WAS.correlate(outbox))),
)
_STATE = _dispatched_where(exists().where(outbox.c.letter == letters.c.id, _TAKEN).correlate(letters)).label(
    "state"
)
_COLUMNS = [column for column in letters.c if column is not letters.c.state]


def _whole() -> Select[Any]:
    return select(*_COLUMNS, _STATE, *(writings.c[word] for word in _WORDS)).join_from(
        letters, writings, writings.c.letter == letters.c.id
    )


def _row(letter: NewLetter, at: datetime) -> dict[str, Any]:
    approved = letter.state is LetterState.APPROVED
    confirmed = letter.state in STANDING
    return {
        "campaign": letter.campaign,
        "action_day": letter.action_day,
        "state": letter.state.value,
        "stands": confirmed,
        "source": letter.source,
        "person": letter.person,
        "country": letter.country,
        "region": letter.region,
        "language": letter.language,
        "shielded": letter.shielded,
        "verdict": letter.verdict,
        "asked_for_person": letter.asked_for_person,
        "mission": letter.mission,
        "form_key": letter.form_key,
        "submitted_at": at,
        "confirmed_at": at if confirmed else None,
        "approved_at": at if approved else None,
    }


def _letter(row: Row[Any]) -> Letter:
    return Letter(
        id=LetterId(row.id),
        campaign=CampaignId(row.campaign),
        action_day=row.action_day,
        state=LetterState(row.state),
        source=row.source,
        person=row.person,
        name=row.name,
        email=row.email,
        organisation=row.organisation,
        city=row.city,
        country=row.country,
        region=row.region,
        language=row.language,
        shielded=row.shielded,
        subject=row.subject,
        text=row.text,
        verdict=row.verdict,
        asked_for_person=row.asked_for_person,
        findings=row.findings,
        mission=row.mission,
        chosen_mission=MissionId(row.chosen_mission) if row.chosen_mission else None,
        route_reason=row.route_reason,
        submitted_at=row.submitted_at,
        confirmed_at=row.confirmed_at,
        approved_at=row.approved_at,
    )
