"""SPF, DKIM and DMARC, asked of a real DNS server on loopback."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from dispatcher.adapters.mail_domain import DnsMailDomain
from dispatcher.services.signing_check import Published

GOOD = {
    "campaign.test.": ["some other text", "v=spf1 include:relay.test -all"],
    "s1._domainkey.campaign.test.": ["v=DKIM1; p=MIIB"],
    "_dmarc.campaign.test.": ["v=DMARC1; p=reject"],
}


@contextmanager
def dns_server(records: dict[str, list[str]], *, silent: bool = False) -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.05)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    data, client = sock.recvfrom(4096)
                except TimeoutError:
                    continue
                if silent:
                    continue
                query = dns.message.from_wire(data)
                answer = dns.message.make_response(query)
                name = query.question[0].name
                texts = records.get(name.to_text())
                if texts is None:
                    answer.set_rcode(dns.rcode.NXDOMAIN)
                else:
                    # A string of a TXT record has 255 bytes at most; longer texts stand in several.
                    quoted = [
                        " ".join(f'"{part}"' for part in re.findall(".{1,255}", text)) for text in texts
                    ]
                    answer.answer.append(dns.rrset.from_text_list(name, 60, "IN", "TXT", quoted))
                sock.sendto(answer.to_wire(), client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            done.set()
            thread.join()


def asked(
    monkeypatch: pytest.MonkeyPatch,
    records: dict[str, list[str]],
    selector: str | None = "s1",
    *,
    silent: bool = False,
) -> list[str]:
    with asking(monkeypatch, records, silent=silent):
        return [id for id, _ in DnsMailDomain().problems("campaign.test", selector)]


@contextmanager
def asking(
    monkeypatch: pytest.MonkeyPatch, records: dict[str, list[str]], *, silent: bool = False
) -> Iterator[None]:
    """Every question goes to a server with these records."""
    with dns_server(records, silent=silent) as port:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = port
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        yield


def test_a_domain_with_all_three_records_has_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, GOOD) == []


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ("campaign.test.", "dns-spf"),
        ("s1._domainkey.campaign.test.", "dns-dkim"),
        ("_dmarc.campaign.test.", "dns-dmarc"),
    ],
)
def test_each_missing_record_is_told(monkeypatch: pytest.MonkeyPatch, missing: str, problem: str) -> None:
    assert asked(monkeypatch, {name: texts for name, texts in GOOD.items() if name != missing}) == [problem]


def test_other_texts_are_no_records_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    others = GOOD | {"campaign.test.": ["google-site-verification=x"], "_dmarc.campaign.test.": ["hello"]}
    assert asked(monkeypatch, others) == ["dns-spf", "dns-dmarc"]


def test_without_a_selector_the_dkim_record_cannot_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, GOOD, selector="") == ["dns-dkim"]


def test_where_no_relay_signs_its_record_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    without = {name: texts for name, texts in GOOD.items() if "_domainkey" not in name}
    assert asked(monkeypatch, without, selector=None) == []


BARE = "MIIBIjANBgkq" * 32  # as long as a key of 2048 bits
RECORD = f"v=DKIM1; k=rsa; p={BARE}"


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([RECORD], Published.OURS),
        ([f"p={BARE}"], Published.OURS),
        ([f"v=DKIM1;k=rsa ; t=s;h=sha1:sha256; s=email; p={BARE[:60]} {BARE[60:]} ;"], Published.OURS),
        (None, Published.MISSING),
        (["v=DKIM1; k=rsa; p="], Published.OTHER),
        (["v=DKIM1; k=rsa; p=MIIB"], Published.OTHER),
        ([f"v=DKIM1; k=ed25519; p={BARE}"], Published.OTHER),
        ([f"v=DKIM1; h=sha1; p={BARE}"], Published.OTHER),
        ([f"v=DKIM1; s=tlsrpt; p={BARE}"], Published.OTHER),
        ([RECORD, "v=DKIM1; k=ed25519; p=AAAA"], Published.OTHER),
        (["hello"], Published.OTHER),
    ],
)
def test_the_published_key_is_held_against_ours(
    monkeypatch: pytest.MonkeyPatch, texts: list[str] | None, found: Published
) -> None:
    records = {} if texts is None else {"s1._domainkey.campaign.test.": texts}
    with asking(monkeypatch, records):
        assert DnsMailDomain().published("campaign.test", "s1", RECORD) is found


def test_a_dns_that_does_not_answer_leaves_open_what_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatcher.adapters.mail_domain._SECONDS", 0.2)
    with asking(monkeypatch, GOOD, silent=True):
        assert DnsMailDomain().published("campaign.test", "s1", RECORD) is Published.UNKNOWN


def test_a_dns_that_does_not_answer_is_a_problem_and_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatcher.adapters.mail_domain._SECONDS", 0.2)
    assert asked(monkeypatch, GOOD, silent=True) == ["dns-spf", "dns-dkim", "dns-dmarc"]
