"""SPF, DKIM and DMARC, asked of a real DNS server on loopback."""

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
                    quoted = [f'"{text}"' for text in texts]
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
    selector: str = "s1",
    *,
    silent: bool = False,
) -> list[str]:
    with dns_server(records, silent=silent) as port:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = port
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        return [id for id, _ in DnsMailDomain().problems("campaign.test", selector)]


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


def test_a_dns_that_does_not_answer_is_a_problem_and_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatcher.adapters.mail_domain._SECONDS", 0.2)
    assert asked(monkeypatch, GOOD, silent=True) == ["dns-spf", "dns-dkim", "dns-dmarc"]
