"""What `dispatcher check` says of the signature that mails get here (DKIM)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol, assert_never

from dispatcher.domain.alignment import is_aligned
from dispatcher.domain.campaign import Campaign
from dispatcher.domain.errors import DispatcherError
from dispatcher.services.going_live import Finding, is_example, note, stop, warn


class Published(Enum):
    """What stands in the DNS where our key should: that, nothing, another one; or the DNS did not answer."""

    OURS = auto()
    MISSING = auto()
    OTHER = auto()
    UNKNOWN = auto()


class Directory(Protocol):
    def published(self, domain: str, selector: str, record: str) -> Published: ...


class SigningKey(Protocol):
    """See adapters.dkim_key."""

    @property
    def name(self) -> str: ...
    @property
    def short(self) -> bool: ...
    @property
    def is_private(self) -> bool: ...
    @property
    def record(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class SigningCheck:
    """key: reads the file; raises a DispatcherError where it cannot be used."""

    domain: str
    selector: str
    key: Callable[[], SigningKey]
    campaigns: Sequence[Campaign]
    dns: Directory

    def findings(self, live: bool) -> Iterator[Finding]:
        """live: the DNS is asked too."""
        try:
            key = self.key()
        except DispatcherError as problem:
            yield stop("dkim-key", str(problem))
            return
        yield note(
            "dkim-signing",
            f"Mails from {self.domain} are signed here (DKIM, selector '{self.selector}', {key.name}).",
        )
        if not key.is_private:
            yield stop(
                "dkim-key-readable", "The file dkim.key_file can be read by others. Give it mode 0600."
            )
        if key.short:
            yield warn(
                "dkim-key-short",
                f"The key in dkim.key_file is {key.name}; some receivers take no signature by it. Make one of 2048 bits.",
            )
        yield from self._unsigned()
        if live and not is_example(self.domain):
            yield from self._in_the_dns(key.record)

    def _unsigned(self) -> Iterator[Finding]:
        others = [
            campaign
            for campaign in self.campaigns
            if not is_aligned(campaign.from_address.rpartition("@")[2], self.domain)
        ]
        if others:
            listed = ", ".join(f"{campaign.id} ({campaign.from_address})" for campaign in others)
            yield warn(
                "dkim-domain",
                f"Not signed are the mails of {listed}: dkim.domain is {self.domain}. Send them from an address of that "
                "domain, or let the relay sign.",
            )

    def _in_the_dns(self, record: str) -> Iterator[Finding]:
        name = f"{self.selector}._domainkey.{self.domain}"
        match self.dns.published(self.domain, self.selector, record):
            case Published.OURS:
                return
            case Published.MISSING:
                yield warn("dkim-published", f"There is no TXT record {name}. Publish: {record}")
            case Published.OTHER:
                yield stop(
                    "dkim-published",
                    f"The TXT record {name} is not that of the key in dkim.key_file: receivers would call each "
                    f"signature false. Publish: {record}",
                )
            case Published.UNKNOWN:
                yield warn("dkim-published", f"The TXT record {name} could not be looked up.")
            case unreachable:
                assert_never(unreachable)
