"""What `dispatcher check` says of mails that are signed here."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from dispatcher.domain.campaign import CampaignId
from dispatcher.domain.errors import SettingsProblem
from dispatcher.services.going_live import Severity
from dispatcher.services.signing_check import Published, SigningCheck, SigningKey
from tests.adapters.test_mime import CAMPAIGN

OURS = replace(CAMPAIGN, from_address="letters@real-campaign.de")


@dataclass(frozen=True)
class Key:
    name: str = "RSA of 2048 bits"
    short: bool = False
    is_private: bool = True
    record: str = "v=DKIM1; k=rsa; p=MIIB"


@dataclass
class Dns:
    answer: Published = Published.OURS
    asked: tuple[str, str, str] | None = None

    def published(self, domain: str, selector: str, record: str) -> Published:
        self.asked = (domain, selector, record)
        return self.answer


def check(**changes: Any) -> SigningCheck:
    given = SigningCheck(domain="real-campaign.de", selector="s1", key=Key, campaigns=(OURS,), dns=Dns())
    return replace(given, **changes)


def said(live: bool = True, **changes: Any) -> dict[str, tuple[Severity, str]]:
    return {each.id: (each.severity, each.message) for each in check(**changes).findings(live)}


def test_mails_that_are_signed_as_they_should_be_are_told_and_block_nothing() -> None:
    (found,) = check().findings(True)
    assert (found.id, found.severity, found.blocks) == ("dkim-signing", Severity.NOTE, False)
    assert "real-campaign.de" in found.message and "'s1'" in found.message and "2048" in found.message


def test_a_key_that_cannot_be_used_stops_and_nothing_else_is_asked() -> None:
    def unusable() -> SigningKey:
        raise SettingsProblem(problem="dkim.key_file k: there is no such file.")

    dns = Dns()
    assert said(key=unusable, dns=dns) == {
        "dkim-key": (Severity.STOP, "The settings are not right: dkim.key_file k: there is no such file.")
    }
    assert dns.asked is None


def test_a_key_that_others_can_read_stops_and_a_short_one_warns() -> None:
    found = said(key=lambda: Key(short=True, is_private=False, name="RSA of 1024 bits"))
    assert found["dkim-key-readable"][0] is Severity.STOP and "0600" in found["dkim-key-readable"][1]
    assert found["dkim-key-short"][0] is Severity.WARN and "1024" in found["dkim-key-short"][1]


def test_a_campaign_of_another_domain_is_named_as_unsigned() -> None:
    other = replace(CAMPAIGN, id=CampaignId("other-day"), from_address="letters@other.de")
    severity, message = said(campaigns=(OURS, other))["dkim-domain"]
    assert severity is Severity.WARN
    assert "other-day (letters@other.de)" in message and "letters@real-campaign.de" not in message


@pytest.mark.parametrize(
    ("answer", "severity", "words"),
    [
        (Published.MISSING, Severity.WARN, "There is no TXT record s1._domainkey.real-campaign.de. Publish: v=DKIM1; k=rsa; p=MIIB"),
        (Published.OTHER, Severity.STOP, "is not that of the key in dkim.key_file"),
        (Published.UNKNOWN, Severity.WARN, "could not be looked up"),
    ],
)  # fmt: skip
def test_what_is_published_is_held_against_the_key(answer: Published, severity: Severity, words: str) -> None:
    dns = Dns(answer)
    found = said(dns=dns)["dkim-published"]
    assert found[0] is severity and words in found[1]
    assert dns.asked == ("real-campaign.de", "s1", Key.record)


def test_a_rehearsal_asks_no_dns_and_an_example_domain_is_never_asked_for() -> None:
    dns = Dns(Published.OTHER)
    assert set(said(live=False, dns=dns)) == {"dkim-signing"}
    assert set(said(domain="campaign.example", campaigns=(CAMPAIGN,), dns=dns)) == {"dkim-signing"}
    assert dns.asked is None
