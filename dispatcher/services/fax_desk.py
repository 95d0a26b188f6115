"""The fax desk: gives a letter's pages to the carrier, and asks it what became of them.

A job is written down before the carrier hears of it. An order that gets no answer is in doubt and is never given
again before the carrier was asked: by our own reference, or by number and hour.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatcher.domain.delivery import DeliveryId, DeliveryState
from dispatcher.domain.fax_result import CallEnd
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.services.clock import Clock
from dispatcher.services.fax_carrier import CarrierSilent, CarrierWord, FaxCarrier, FaxOrder, Submission
from dispatcher.services.fax_jobs import FaxJob
from dispatcher.services.fax_lines import FaxLines
from dispatcher.services.fax_media import FaxPages
from dispatcher.services.fax_settling import FaxSettling
from dispatcher.services.mailroom import Sheets
from dispatcher.services.store import Store, StoreUnavailable
from dispatcher.telemetry import log

# After a fault that is not a letter's (wrong password, no credit, no answer): the carrier is left in peace.
REST = timedelta(minutes=1)
# An order without an answer may still be on its way through the carrier's own queues.
SURELY_THERE = timedelta(minutes=3)
# How far the carrier's clock may go wrong when a fax is looked for by its hour.
CLOCKS = timedelta(minutes=5)
# A carrier that says no end by then never will: HylaFAX gives a job up after three hours, SignalWire after five.
LONGEST_JOB = timedelta(hours=6)
# Asked in one go, so that no tick of the clock takes long.
_AT_A_TIME = 20
_DOUBTS_AT_A_TIME = 50


@dataclass(frozen=True, kw_only=True)
class FaxDesk:
    """A PageCarrier. number_problem: what is wrong with a number, in one sentence; None when it is fine. asks_after:
    how long a fax is left alone between two questions. address: where the carrier reaches our face for it."""

    store: Store
    clock: Clock
    carrier: FaxCarrier
    settling: FaxSettling
    pages: FaxPages
    lines: FaxLines
    number_problem: Callable[[str], str | None]
    address: str
    asks_after: timedelta

    async def carry(self, sheets: Sheets) -> Outcome:
        return await asyncio.to_thread(self.submit, sheets)

    def submit(self, sheets: Sheets) -> Outcome:
        """What the carrier answered. Nothing is given to it that could not be found again."""
        now = self.clock.now()
        if sheets.channel is not Channel.FAX:
            return _not_now("There is no carrier for this channel.")
        if problem := self._unfit(sheets.recipient):
            return Outcome(kind=OutcomeKind.REFUSED, enhanced_code=CallEnd.BAD_NUMBER.value, reply=problem)
        if self.lines.is_resting(now):
            return _not_now(
                "The fax carrier was not asked: it was at fault a moment ago and is left in peace."
            )
        job = self._open(sheets, now)
        if isinstance(job, Outcome):
            return job
        submission = self.carrier.submit(
            FaxOrder(
                reference=job.reference,
                number=job.number,
                pages=job.pages,
                media_url=self._media_url(job),
                callback_url=self.callback_url(job),
                tiff=b"" if self.carrier.fetches else self.pages.tiff_of(sheets),
            )
        )
        with suppress(
            StoreUnavailable
        ):  # the answer is in the log all the same, and the job is found by asking
            self._note(job, submission, now)
        return submission.outcome

    def _open(self, sheets: Sheets, now: datetime) -> FaxJob | Outcome:
        """Writes the job down, unless the row is not this courier's any more."""
        try:
            with self.store.write() as work:
                row = work.outbox.get([sheets.delivery], lock=True)[sheets.delivery]
                before = work.faxes.latest(row.id)
                if before is not None and before.closed_at is None and before.opened_at >= row.moved_at:
                    words = "Another courier has given it to the carrier."
                    return Outcome(kind=OutcomeKind.UNKNOWN, reply=words)
                if row.state is not DeliveryState.SENDING:
                    return _not_now("It was taken out of this courier's hands meanwhile.")
                return work.faxes.open(
                    row.id,
                    carrier=self.carrier.name,
                    reference=secrets.token_hex(16),
                    number=sheets.recipient,
                    pages=sheets.pages,
                    at=now,
                )
        except StoreUnavailable:
            return _not_now("The database could not be used, so the carrier was not asked.")

    def heard(self, *, query: str, headers: Mapping[str, str], body: bytes) -> bool:
        """A callback. Answers whether it was news. Raises ForgedCallback."""
        word = self.carrier.read_callback(
            url=f"{self.address}/callbacks/{self.carrier.name}" + (f"?{query}" if query else ""),
            headers=headers,
            body=body,
            now=self.clock.now(),
        )
        with self.store.read() as work:
            job = work.faxes.named(word.reference) if word.reference else None
        return job is not None and self.settling.take(job.id, word, by=self._signature)

    def look(self) -> int:
        """Asks about what the carrier has and about what is in doubt; for the clock. Answers how much was news."""
        if self.lines.is_resting(self.clock.now()):
            return 0
        try:
            return self._ask() + self._clear_doubts()
        except CarrierSilent as silence:
            log.warning("fax_carrier_silent", problem=silence.fields.get("problem"))
            self.lines.rest(self.clock.now() + REST)
            return 0

    def callback_url(self, job: FaxJob) -> str:
        return f"{self.address}/callbacks/{self.carrier.name}?job={job.reference}"

    def _media_url(self, job: FaxJob) -> str:
        return f"{self.address}/pages/{self.pages.token(job)}"

    def _unfit(self, number: str) -> str | None:
        if not number.startswith("+") or not number[1:].isascii() or not number[1:].isdigit():
            return "The mission's fax number is not in international form; mend it with 'dispatcher missions set'."
        return self.number_problem(number)

    def _note(self, job: FaxJob, submission: Submission, now: datetime) -> None:
        outcome = submission.outcome
        if submission.rest is not None:
            self.lines.rest(now + submission.rest)
        elif outcome.relay:
            self.lines.rest(now + REST)
        with self.store.write() as work:
            if outcome.kind is OutcomeKind.ACCEPTED and outcome.provider_ref is not None:
                work.faxes.taken(job.id, outcome.provider_ref, "queued")
            elif outcome.kind in {OutcomeKind.DEFERRED, OutcomeKind.REFUSED}:
                end = submission.end or CallEnd.OUR_SIDE
                work.faxes.close(job.id, end, "not taken", at=self.clock.now())
        if outcome.relay:
            log.warning(
                "fax_carrier_at_fault", delivery=job.delivery, code=outcome.code, problem=outcome.reply
            )

    def _ask(self) -> int:
        now = self.clock.now()
        with self.store.write() as work:
            jobs = work.faxes.to_ask(
                self.carrier.name, now=now, asked_before=now - self.asks_after, limit=_AT_A_TIME
            )
        return sum(self._ask_about(job, now) for job in jobs)

    def _ask_about(self, job: FaxJob, now: datetime) -> bool:
        word = self._find(job) if job.provider_ref is None else self.carrier.status(job.provider_ref)
        late = now - job.opened_at > LONGEST_JOB
        if word is None:
            if not late and job.provider_ref is None and now - job.opened_at < SURELY_THERE:
                return False
            return self.settling.lost(
                job.id, words="The carrier does not know this fax any more.", by=self._signature
            )
        if word.end is None and late:
            self.carrier.cancel(word.provider_ref)
            word = self.carrier.status(word.provider_ref) or word
            if word.end is None:
                words = (
                    f"The carrier has had it for {LONGEST_JOB.seconds // 3600} hours and says no end of it."
                )
                return self.settling.lost(job.id, words=words, by=self._signature)
        return self.settling.take(job.id, word, by=self._signature)

    def _clear_doubts(self) -> int:
        with self.store.read() as work:
            doubtful = [(id, work.faxes.latest(id)) for id in work.faxes.doubtful(_DOUBTS_AT_A_TIME)]
        # If the settings name another carrier now, only a person can ask the one before.
        mine = [(id, job) for id, job in doubtful if job is None or job.carrier == self.carrier.name]
        return sum(self._clear(id, job) for id, job in mine)

    def _clear(self, id: DeliveryId, job: FaxJob | None) -> bool:
        if job is None:
            words = "The courier was gone before the carrier heard of it."
            return self.settling.never_taken(id, None, words=words, by=self._signature)
        if job.closed_at is not None:
            if job.provider_ref is not None:
                return False  # the carrier had it and lost it: a person decides
            words = "The carrier had said that it did not take it."
            return self.settling.never_taken(id, job, words=words, by=self._signature)
        now = self.clock.now()
        word = self._find(job) if job.provider_ref is None else self.carrier.status(job.provider_ref)
        if word is not None:
            return self.settling.take(job.id, word, by=self._signature)
        if now - job.opened_at < SURELY_THERE:
            return False
        words = "The carrier was asked and has no such fax; the link to its pages is dead."
        return self.settling.never_taken(id, job, words=words, by=self._signature)

    def _find(self, job: FaxJob) -> CarrierWord | None:
        with self.store.read() as work:
            known = work.faxes.known_refs(job.number, job.opened_at - timedelta(days=1))
        return self.carrier.find(
            reference=job.reference,
            number=job.number,
            media_url=self._media_url(job),
            since=job.opened_at - CLOCKS,
            known=known,
        )

    @property
    def _signature(self) -> str:
        return f"fax desk ({self.carrier.name})"


def _not_now(words: str) -> Outcome:
    return Outcome(kind=OutcomeKind.DEFERRED, enhanced_code=CallEnd.OUR_SIDE.value, reply=words, relay=True)
