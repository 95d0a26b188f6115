"""What stands between this installation and the day: one list, each finding with an id and what to do."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dispatcher.domain.campaign import Campaign
from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.mission import ContactKind
from dispatcher.domain.tone import Verdict
from dispatcher.services.house import House
from dispatcher.services.stationery import LogoUnusable

# Kept for documentation and tests (RFC 2606, RFC 6761): never real.
_EXAMPLE_DOMAINS = ("example", "example.com", "example.org", "example.net", "invalid", "test", "localhost")


class Severity(StrEnum):
    """stop: must be mended. warn: must be mended, or accepted by id in the settings. note: good to know."""

    STOP = "stop"
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True, kw_only=True)
class Finding:
    id: str
    severity: Severity
    message: str
    accepted: bool = False

    @property
    def blocks(self) -> bool:
        return self.severity is not Severity.NOTE and not self.accepted


class NotReady(DispatcherError):
    """Live mode does not start: {count} finding(s) of 'dispatcher check --live' are open. The first is
    '{first}': {message}"""


class MailDomain(Protocol):
    """What the DNS says of a domain that mail is sent from."""

    def problems(self, domain: str, dkim_selector: str | None) -> Sequence[tuple[str, str]]:
        """(id, sentence) for SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489), each missing or not read.
        dkim_selector: of the relay's key, "" where it is not known; None where no relay signs."""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """probe: asks the relay whether it would take letters; answers problems in words. files_changed: whether the
    directory's files are other ones than those that were imported. fax: what is not right with the fax carrier and
    the alerts. signing: the same of mails signed here; the flag asks the DNS too. mails_per_minute: what the relay is
    given at most, 0 for no limit."""

    house: House
    smtp_host: str
    dkim_selector: str | None
    key_is_private: bool
    files_changed: Callable[[], bool]
    probe: Callable[[], Iterable[str]]
    mail_domain: MailDomain
    accepted: frozenset[str]
    fax: Callable[[], Iterable[Finding]] = tuple
    signing: Callable[[bool], Iterable[Finding]] = lambda _: ()
    mails_per_minute: int = 0

    def findings(self, *, live: bool) -> list[Finding]:
        found = [*self._always(), *self.signing(live), *(self._for_live() if live else ())]
        return [
            Finding(
                id=each.id,
                severity=each.severity,
                message=each.message,
                accepted=each.severity is Severity.WARN and each.id in self.accepted,
            )
            for each in found
        ]

    def _always(self) -> Iterator[Finding]:
        campaign = self.house.campaigns.active
        if not self.key_is_private:
            yield stop("key-readable", "The key file can be read by others. Give it mode 0600.")
        for language, sample in campaign.samples.items():
            verdict = self.house.tone.assess(sample.text, language=language).verdict
            if verdict is not Verdict.PASS:
                yield stop(
                    f"sample-tone-{language}",
                    f"The sample letter in '{language}' does not pass the tone check ({verdict.value}).",
                )
        for fault in self.house.preparation.pages.faults(campaign):
            yield stop("logo" if isinstance(fault, LogoUnusable) else "enclosure", str(fault))
        if self.files_changed():
            yield warn(
                "directory-changed",
                "The directory's files are not those that were imported. 'dispatcher missions import' takes the new ones.",
            )

    def _for_live(self) -> Iterator[Finding]:
        campaign = self.house.campaigns.active
        yield from self._addresses(campaign)
        yield from self._relay()
        yield from self._dns(campaign)
        yield from self._directory()
        yield from self.fax()
        if self._rehearsed():
            yield warn(
                "rehearsed-letters",
                "Letters in this database were delivered to the mailroom in a rehearsal and count as accepted. "
                "Start live mode with a new data folder.",
            )

    def _addresses(self, campaign: Campaign) -> Iterator[Finding]:
        if is_example(campaign.from_address.rpartition("@")[2]):
            yield stop(
                "from-address",
                f"The from-address {campaign.from_address} is an example. Set DISPATCHER_CAMPAIGNS__FROM_ADDRESS "
                "or the campaign file's sender.address to a mailbox of yours.",
            )
        if is_example(campaign.bounce_domain):
            yield stop(
                "bounce-domain", "The bounce domain is an example. Set DISPATCHER_CAMPAIGNS__BOUNCE_DOMAIN."
            )
        if is_example(campaign.letterhead.email.rpartition("@")[2]):
            yield warn(
                "letterhead",
                "The letterhead still has the example's address. Put yours into the campaign file.",
            )
        if not self.house.public_url.startswith("https://"):
            yield warn(
                "public-url",
                f"Links in mails would begin with {self.house.public_url}. Set DISPATCHER_WEB__PUBLIC_URL to the "
                "https address at which supporters reach the form.",
            )

    def _relay(self) -> Iterator[Finding]:
        if not self.smtp_host:
            yield stop(
                "smtp-host", "No mail relay is set. Set DISPATCHER_SMTP__HOST, PORT, USERNAME and PASSWORD."
            )
            return
        for problem in self.probe():
            yield stop("smtp-relay", problem)
        if self.mails_per_minute:
            yield self._rate(self.mails_per_minute)

    def _rate(self, per_minute: int) -> Finding:
        with self.house.store.read() as work:
            waiting = work.outbox.totals().get(DeliveryState.QUEUED, 0)
        hours = waiting / per_minute / 60
        long = f" The {waiting:,} letters that wait take one courier at least {hours:,.1f} hours."
        return note(
            "relay-rate",
            f"A courier gives the relay at most {per_minute:,} mails a minute (smtp.mails_per_minute)."
            + (long if hours >= 1 else ""),
        )

    def _dns(self, campaign: Campaign) -> Iterator[Finding]:
        domain = campaign.from_address.rpartition("@")[2]
        if not is_example(domain):
            for id, message in self.mail_domain.problems(domain, self.dkim_selector):
                yield warn(id, message)

    def _directory(self) -> Iterator[Finding]:
        with self.house.store.read() as work:
            missions = self.house.routing.present(work).directory.missions
        unreachable = sum(
            not any(c.used and c.valid and c.kind is not ContactKind.PHONE for c in mission.contacts)
            for mission in missions
        )
        if unreachable:
            yield warn(
                "missions-without-contact",
                f"{unreachable} of {len(missions)} missions have no mailbox, fax or address in the directory; "
                "letters to them are held. 'dispatcher missions list --without-contact' names them.",
            )

    def _rehearsed(self) -> bool:
        with self.house.store.read() as work:
            return work.outbox.has_mailroom_deliveries()


def check_ready(findings: Sequence[Finding]) -> None:
    """Raises NotReady when anything is open."""
    blocking = [each for each in findings if each.blocks]
    if blocking:
        first = blocking[0]
        raise NotReady(count=len(blocking), first=first.id, message=first.message)


def is_example(domain: str) -> bool:
    folded = domain.casefold().rstrip(".")
    return not folded or any(folded == each or folded.endswith(f".{each}") for each in _EXAMPLE_DOMAINS)


def stop(id: str, message: str) -> Finding:
    return Finding(id=id, severity=Severity.STOP, message=message)


def warn(id: str, message: str) -> Finding:
    return Finding(id=id, severity=Severity.WARN, message=message)


def note(id: str, message: str) -> Finding:
    return Finding(id=id, severity=Severity.NOTE, message=message)
