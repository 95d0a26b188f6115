"""The part of the wiring that is about signing mails (DKIM)."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from dispatcher.adapters import mime
from dispatcher.services.clock import Clock
from dispatcher.services.going_live import Finding
from dispatcher.services.house import House
from dispatcher.services.signing_check import SigningCheck
from dispatcher.services.stationery import MailWriter
from dispatcher.settings import Settings


def make_mail_writer(settings: Settings, clock: Clock) -> MailWriter:
    """Who makes mails whole as they leave. Raises SettingsProblem where they are to be signed and cannot be."""
    chosen = settings.dkim
    if not chosen.is_set:
        return mime
    from dispatcher.adapters.dkim import Signature, SignedMail  # noqa: PLC0415 - few installations sign
    from dispatcher.adapters.dkim_key import DkimKey  # noqa: PLC0415

    key = DkimKey.open(Path(chosen.key_file))
    return SignedMail(mime, Signature(key, domain=chosen.domain, selector=chosen.selector), clock)


def make_signing_check(settings: Settings, house: House) -> Callable[[bool], Iterable[Finding]]:
    from dispatcher.adapters.dkim_key import DkimKey  # noqa: PLC0415 - few installations sign
    from dispatcher.adapters.mail_domain import DnsMailDomain  # noqa: PLC0415 - a courier never asks the DNS

    chosen = settings.dkim
    if not chosen.is_set:
        return lambda live: ()
    return SigningCheck(
        domain=chosen.domain,
        selector=chosen.selector,
        key=partial(DkimKey.open, Path(chosen.key_file)),
        campaigns=house.campaigns.all(),
        dns=DnsMailDomain(),
    ).findings


def relay_selector(settings: Settings) -> str | None:
    """Of the key that the relay signs with; None where it need not sign."""
    return settings.campaigns.dkim_selector or (None if settings.dkim.is_set else "")
