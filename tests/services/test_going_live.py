"""What stands between an installation and the day."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from dispatcher.domain.campaign import SampleLetter
from dispatcher.services.going_live import Inspection, NotReady, Severity, check_ready
from dispatcher.wiring import make_courier
from tests.installation import NOON, RUDE, Installation, change_campaign

LIVE = {
    "DISPATCHER_MODE": "live",
    "DISPATCHER_CAMPAIGNS__FROM_ADDRESS": "letters@real-campaign.de",
    "DISPATCHER_WEB__PUBLIC_URL": "https://letters.real-campaign.de",
}


@dataclass
class Dns:
    answers: Sequence[tuple[str, str]] = ()
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def problems(self, domain: str, dkim_selector: str | None) -> Sequence[tuple[str, str]]:
        self.asked.append((domain, dkim_selector))
        return self.answers


def inspection(home: Installation, **changes: Any) -> Inspection:
    given = Inspection(
        house=home.house,
        smtp_host="relay.real-campaign.de",
        dkim_selector="s1",
        key_is_private=True,
        files_changed=lambda: False,
        probe=lambda: [],
        mail_domain=Dns(),
        accepted=frozenset(),
    )
    return replace(given, **changes)


def found(home: Installation, *, live: bool = True, **changes: Any) -> dict[str, Severity]:
    return {each.id: each.severity for each in inspection(home, **changes).findings(live=live)}


@pytest.fixture
def ready(install: Callable[..., Installation]) -> Installation:
    return install(environment=LIVE)


def test_the_hours_that_a_rate_takes_are_told_and_block_nothing(home: Installation) -> None:
    home.take(90)
    home.prepare()
    inspected = inspection(home, mails_per_minute=1).findings(live=True)
    (rate,) = [each for each in inspected if each.id == "relay-rate"]
    assert (rate.severity, rate.blocks) == (Severity.NOTE, False)
    assert rate.message.endswith("The 90 letters that wait take one courier at least 1.5 hours.")
    assert "relay-rate" not in found(home)


def test_an_installation_as_it_comes_is_not_ready_and_says_all_of_it(home: Installation) -> None:
    problems = found(home, smtp_host="")
    assert problems == {
        "from-address": Severity.STOP,
        "bounce-domain": Severity.STOP,
        "letterhead": Severity.WARN,
        "public-url": Severity.WARN,
        "smtp-host": Severity.STOP,
        "missions-without-contact": Severity.WARN,
    }
    with pytest.raises(NotReady, match="6 finding"):
        check_ready(inspection(home, smtp_host="").findings(live=True))


def test_a_rehearsal_needs_none_of_that(home: Installation) -> None:
    assert found(home, live=False, smtp_host="") == {}


def test_what_is_left_when_all_is_set_can_be_accepted_by_its_id(ready: Installation) -> None:
    assert found(ready) == {"letterhead": Severity.WARN, "missions-without-contact": Severity.WARN}
    findings = inspection(ready, accepted=frozenset({"letterhead", "missions-without-contact"})).findings(
        live=True
    )
    assert [each.accepted for each in findings] == [True, True]
    check_ready(findings)


def test_what_must_be_mended_cannot_be_accepted(ready: Installation) -> None:
    every = frozenset({"letterhead", "missions-without-contact", "smtp-host"})
    findings = inspection(ready, smtp_host="", accepted=every).findings(live=True)
    with pytest.raises(NotReady, match="smtp-host"):
        check_ready(findings)


def test_the_relays_problems_are_told_in_its_words(ready: Installation) -> None:
    (told,) = [
        each
        for each in inspection(ready, probe=lambda: ["It did not let us sign in: 535"]).findings(live=True)
        if each.id == "smtp-relay"
    ]
    assert (told.severity, told.message) == (Severity.STOP, "It did not let us sign in: 535")


def test_the_dns_is_asked_for_the_real_domain_only(ready: Installation, home: Installation) -> None:
    dns = Dns(answers=[("dns-spf", "no SPF"), ("dns-dmarc", "no DMARC")])
    problems = found(ready, mail_domain=dns)
    assert dns.asked == [("real-campaign.de", "s1")]
    assert problems["dns-spf"] is problems["dns-dmarc"] is Severity.WARN
    example = Dns()
    found(home, mail_domain=example)
    assert example.asked == []


@pytest.mark.parametrize(
    "domain", ["example.org", "letters.example", "Campaign.Example.COM", "x.test", "localhost", "a.invalid."]
)
def test_domains_of_examples_are_never_real(install: Callable[..., Installation], domain: str) -> None:
    home = install(environment=LIVE | {"DISPATCHER_CAMPAIGNS__FROM_ADDRESS": f"letters@{domain}"})
    assert {"from-address", "bounce-domain"} <= set(found(home))


def test_a_key_that_others_can_read_and_other_files_than_imported_are_told_in_any_mode(
    home: Installation,
) -> None:
    problems = found(home, live=False, key_is_private=False, files_changed=lambda: True)
    assert problems == {"key-readable": Severity.STOP, "directory-changed": Severity.WARN}


def test_a_sample_letter_that_does_not_pass_the_tone_check_stops(home: Installation) -> None:
    rude = SampleLetter(language="en", title="t", addressee="a", subject="s", text=RUDE)
    change_campaign(home.house, samples={"en": rude})
    assert found(home, live=False) == {"sample-tone-en": Severity.STOP}


def test_letters_of_a_rehearsal_must_not_count_as_sent(home: Installation) -> None:
    home.take()
    home.prepare()
    assert "rehearsed-letters" not in found(home)
    home.work(make_courier(home.house, home.settings), NOON)
    assert found(home)["rehearsed-letters"] is Severity.WARN
