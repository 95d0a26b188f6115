"""What `dispatcher check --live` says of the fax carrier and of the alerts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from dispatcher.services.fax_carrier import FaxCarrier
from dispatcher.services.going_live import Finding, stop, warn


@dataclass(frozen=True, kw_only=True)
class FaxCheck:
    """carrier: None where none is configured. address: where a carrier reaches our face for it. has_key: whether
    callbacks can be told from forged ones."""

    carrier: FaxCarrier | None
    from_number: str
    needs_number: bool
    address: str
    has_key: bool
    number_problem: Callable[[str], str | None]
    alerts_from: str
    alerts_to: tuple[str, ...]
    alerts_complete: bool

    def findings(self) -> Iterator[Finding]:
        if self.carrier is not None:
            yield from self._carrier(self.carrier)
        if self.alerts_to:
            yield from self._alerts()

    def _carrier(self, carrier: FaxCarrier) -> Iterator[Finding]:
        for problem in carrier.probe():
            yield stop("fax-carrier", problem)
        if self.needs_number and self._is_wrong(self.from_number):
            yield stop(
                "fax-number",
                "fax.from_number must be the number that your carrier has given you, in international form such as "
                "+12025550124.",
            )
        if not carrier.fetches:
            return
        if urlsplit(self.address).scheme != "https":
            yield stop(
                "fax-public-url",
                f"The carrier would have to fetch pages from {self.address}, which it cannot. Set "
                "DISPATCHER_FAX__PUBLIC_URL, or DISPATCHER_WEB__PUBLIC_URL, to an https address.",
            )
        if not self.has_key:
            yield warn(
                "fax-signing-key",
                "Without fax.signing_key every callback of the carrier is refused; it is only asked, each "
                "fax.poll_seconds.",
            )

    def _alerts(self) -> Iterator[Finding]:
        if any(self._is_wrong(number) for number in (self.alerts_from, *self.alerts_to)):
            yield warn(
                "alerts-number", "alerts.from_number and each of alerts.to must be in international form."
            )
        if not self.alerts_complete:
            yield warn(
                "alerts-account", "alerts.account and alerts.token are not both set: nobody can be told."
            )

    def _is_wrong(self, number: str) -> bool:
        return not number.startswith("+") or self.number_problem(number) is not None
