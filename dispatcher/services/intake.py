"""Letters come in, from the form or from a file: each field is checked, the words are read for respect, the
mission is found, and the letter is kept. One letter of a person to a mission in a campaign, never two.

Letters of a file are read by the rules alone; what passes them is read a second time before it goes on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, TypeVar

from dispatcher.domain.campaign import LANGUAGES, Campaign
from dispatcher.domain.delivery import Notice
from dispatcher.domain.entry import (
    CITY_LENGTH,
    EMAIL_LENGTH,
    ORGANISATION_LENGTH,
    FieldProblem,
    Unusable,
    letter_text,
    person_name,
    single_line,
    yes_or_no,
)
from dispatcher.domain.language import guess_language
from dispatcher.domain.letter import FROM_FILE, FROM_FORM, LetterId, LetterState, NewLetter
from dispatcher.domain.place import Place
from dispatcher.domain.routing import Route
from dispatcher.domain.tone import Assessment, Verdict
from dispatcher.services.campaigns import Campaigns, coming_day
from dispatcher.services.clock import Clock
from dispatcher.services.outbox import notice
from dispatcher.services.review import Tone, in_words
from dispatcher.services.routing import Routing, Wayfinder, mission_key
from dispatcher.services.second_reading import in_json
from dispatcher.services.store import Store, Work

_T = TypeVar("_T")
_LONGEST_TAG = 35  # RFC 5646 4.4.1

FIELDS = ("name", "email", "country", "region", "city", "organisation", "language", "shielded", "letter")


class PlaceBook(Protocol):
    """Names of countries and regions, in every language."""

    def country_code(self, text: str) -> str | None: ...

    def region_code(self, country: str, text: str) -> str | None: ...


class Mailboxes(Protocol):
    """Mailbox addresses by RFC 5321."""

    def mailbox_problem(self, text: str) -> str | None:
        """What is wrong, in one sentence; None when it is well formed."""

    def normal_mailbox(self, text: str) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What was typed, untouched. form_key: the form's idempotency key. wants_person: the writer asks that a
    person decide instead of the tone check."""

    name: str = ""
    email: str = ""
    country: str = ""
    region: str = ""
    city: str = ""
    organisation: str = ""
    language: str = ""
    shielded: str = ""
    letter: str = ""
    form_key: str | None = None
    wants_person: bool = False


def drafted(cells: Mapping[str, str]) -> Draft:
    """A draft from named cells; what is not named is empty."""
    return Draft(
        name=cells.get("name", ""),
        email=cells.get("email", ""),
        country=cells.get("country", ""),
        region=cells.get("region", ""),
        city=cells.get("city", ""),
        organisation=cells.get("organisation", ""),
        language=cells.get("language", ""),
        shielded=cells.get("shielded", ""),
        letter=cells.get("letter", ""),
    )


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A draft whose every field is in order."""

    name: str
    email: str
    place: Place
    organisation: str
    language: str
    shielded: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A draft as the service understands it: the problems by field, or the entry with its assessment and route."""

    problems: tuple[FieldProblem, ...] = ()
    entry: Entry | None = None
    assessment: Assessment | None = None
    route: Route | None = None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A row of a file that was not taken. reasons: sentences for the person who mends it."""

    position: int
    reasons: tuple[str, ...]


@dataclass(kw_only=True)
class Tally:
    """for_review and to_read_again: of the letters taken, those that wait for a person, or for the second reading."""

    taken: int = 0
    for_review: int = 0
    to_read_again: int = 0
    refusals: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Intake:
    store: Store
    clock: Clock
    campaigns: Campaigns
    routing: Routing
    tone: Tone
    # The tone check's rules alone, which are quick.
    rules: Tone
    places: PlaceBook
    mailboxes: Mailboxes

    def read(self, draft: Draft, way: Wayfinder, campaign: Campaign, on: date) -> Reading:
        """Checks every field, then the words, then the way; nothing is kept."""
        return self._read(self.tone, draft, way, campaign, on)

    def _read(self, tone: Tone, draft: Draft, way: Wayfinder, campaign: Campaign, on: date) -> Reading:
        entry = self.check(draft)
        if not isinstance(entry, Entry):
            return Reading(problems=entry)
        return Reading(
            entry=entry,
            assessment=tone.assess(entry.text, language=entry.language),
            route=way.route(entry.place, campaign, on=on, shielded=entry.shielded),
        )

    def check(self, draft: Draft) -> "Entry | tuple[FieldProblem, ...]":
        """The entry, or every problem of every field."""
        problems: list[FieldProblem] = []

        def tried(check: Callable[[], _T]) -> _T | None:
            try:
                return check()
            except Unusable as unusable:
                problems.append(unusable.problem)
                return None

        name = tried(lambda: person_name(draft.name))
        email = tried(lambda: self._mailbox(draft.email))
        place = tried(lambda: self.place(country=draft.country, region=draft.region, city=draft.city))
        organisation = tried(
            lambda: single_line("organisation", draft.organisation, longest=ORGANISATION_LENGTH)
        )
        shielded = tried(lambda: yes_or_no("shielded", draft.shielded))
        text = tried(lambda: letter_text(draft.letter))
        language = tried(lambda: _language(draft.language, text or ""))
        if name is None or email is None or place is None or organisation is None or shielded is None:
            return tuple(problems)
        if text is None or language is None:
            return tuple(problems)
        return Entry(
            name=name,
            email=email,
            place=place,
            organisation=organisation,
            language=language,
            shielded=shielded,
            text=text,
        )

    def submit(self, draft: Draft) -> tuple[LetterId | None, Reading]:
        """Keeps a letter from the form and queues its confirmation. No letter is kept (None) where the reading
        has problems, or where the words should be looked at again and the writer did not ask for a person.
        A repeat with the same form key gives the same letter."""
        now = self.clock.now()
        campaign = self.campaigns.active
        day = coming_day(campaign, now)
        with self.store.read() as work:
            reading = self.read(draft, self.routing.present(work), campaign, day)
        if reading.entry is None or reading.assessment is None:
            return None, reading
        if reading.assessment.verdict is Verdict.REVISE and not draft.wants_person:
            return None, reading
        with self.store.write() as work:
            if draft.form_key and (known := work.letters.by_form_key(draft.form_key)):
                return known.id, reading
            new = self._new(
                work, reading, campaign, day, source=FROM_FORM, state=LetterState.SUBMITTED, draft=draft
            )
            (id,) = work.letters.add([new], at=now, by="form")
            work.outbox.add([notice(id, Notice.CONFIRMATION, campaign, at=now)], at=now, by="form")
            return id, reading

    def take_batch(self, rows: Sequence[tuple[int, Draft]], tally: Tally, *, confirmed: bool) -> None:
        """Keeps the usable rows of a file in one transaction and adds to the tally. `confirmed` says that the
        collectors hold the writers' consent (signed on paper); else each writer is asked by mail."""
        now = self.clock.now()
        campaign = self.campaigns.active
        day = coming_day(campaign, now)
        with self.store.read() as work:
            way = self.routing.present(work)
        readings = [
            (position, draft, self._read(self.rules, draft, way, campaign, day)) for position, draft in rows
        ]
        usable = []
        for position, draft, reading in readings:
            reasons = _reasons(reading)
            if reasons:
                tally.refusals.append(Refusal(position=position, reasons=reasons))
            else:
                usable.append((position, draft, reading))
        with self.store.write() as work:
            made = self._without_doubles(work, usable, tally, campaign, day, confirmed=confirmed)
            ids = work.letters.add(made, at=now, by="import")
            if confirmed:
                doubtful = sum(letter.state is LetterState.IN_REVIEW for letter in made)
                tally.for_review += doubtful
                tally.to_read_again += len(ids) - doubtful
            else:
                work.outbox.add(
                    [notice(id, Notice.CONFIRMATION, campaign, at=now) for id in ids], at=now, by="import"
                )
        tally.taken += len(ids)

    def _without_doubles(
        self,
        work: Work,
        usable: Sequence[tuple[int, Draft, Reading]],
        tally: Tally,
        campaign: Campaign,
        day: date,
        *,
        confirmed: bool,
    ) -> list[NewLetter]:
        made = []
        for position, draft, reading in usable:
            review = reading.assessment is not None and reading.assessment.verdict is Verdict.REVIEW
            state = LetterState.SUBMITTED
            if confirmed:
                state = LetterState.IN_REVIEW if review else LetterState.CONFIRMED
            made.append(
                (
                    position,
                    self._new(work, reading, campaign, day, source=FROM_FILE, state=state, draft=draft),
                )
            )
        persons = [letter.person for _, letter in made]
        standing = work.letters.standing(campaign.id, day, persons, asked=not confirmed)
        kept = []
        for position, letter in made:
            key = (letter.person, letter.mission)
            if key in standing:
                reason = "This person has already written to this mission for this day. One letter each; this row was left out."
                tally.refusals.append(Refusal(position=position, reasons=(reason,)))
                continue
            standing.add(key)
            kept.append(letter)
        return kept

    def _new(
        self,
        work: Work,
        reading: Reading,
        campaign: Campaign,
        day: date,
        *,
        source: str,
        state: LetterState,
        draft: Draft,
    ) -> NewLetter:
        entry, assessment, found = reading.entry, reading.assessment, reading.route
        assert entry is not None and assessment is not None and found is not None  # noqa: S101
        return NewLetter(
            campaign=campaign.id,
            action_day=day,
            state=state,
            source=source,
            person=work.letters.person(entry.email),
            name=entry.name,
            email=entry.email,
            organisation=entry.organisation,
            city=entry.place.city or "",
            country=entry.place.country,
            region=entry.place.region,
            language=entry.language,
            shielded=entry.shielded,
            subject=campaign.sample(entry.language).subject,
            text=entry.text,
            verdict=assessment.verdict.value,
            asked_for_person=draft.wants_person,
            findings=in_json(assessment),
            mission=mission_key(found),
            route_reason=found.reason,
            form_key=draft.form_key,
        )

    def _mailbox(self, text: str) -> str:
        mailbox = single_line("email", text, longest=EMAIL_LENGTH)
        if not mailbox:
            raise Unusable("email", "The email address is missing. It is needed to confirm the letter.")
        problem = self.mailboxes.mailbox_problem(mailbox)
        if problem:
            raise Unusable("email", f"The email address is not usable: {problem}")
        return self.mailboxes.normal_mailbox(mailbox)

    def place(self, *, country: str, region: str = "", city: str = "") -> Place:
        """What was typed, as codes. Raises Unusable."""
        typed = single_line("country", country, longest=CITY_LENGTH)
        if not typed:
            raise Unusable("country", "The country is missing. Give its name or its two-letter code.")
        code = self.places.country_code(typed)
        if code is None:
            raise Unusable(
                "country",
                "The country is not known by that name. Give its usual name or its two-letter code.",
            )
        region_typed = single_line("region", region, longest=CITY_LENGTH)
        region_code = self.places.region_code(code, region_typed) if region_typed else None
        if region_typed and region_code is None:
            raise Unusable(
                "region", f"The region is not known in {code}. Give its name, its code, or nothing."
            )
        city_typed = single_line("city", city, longest=CITY_LENGTH)
        return Place(country=code, region=region_code, city=city_typed or None)


def _language(typed: str, text: str) -> str:
    # The head decides; no code is longer.
    code = typed.strip()[:_LONGEST_TAG].casefold().replace("_", "-").split("-", 1)[0]
    if not code:
        return guess_language(text)
    if code not in LANGUAGES:
        raise Unusable(
            "language",
            f"Letters can be read in these languages: {', '.join(LANGUAGES)}. Give one of these codes, or nothing.",
        )
    return code


def _reasons(reading: Reading) -> tuple[str, ...]:
    if reading.problems:
        return tuple(problem.message for problem in reading.problems)
    if reading.assessment is not None and reading.assessment.verdict is Verdict.REVISE:
        return tuple(
            f"Please look at these words again. {in_words(finding)}" for finding in reading.assessment.to_mend
        )
    return ()
