"""HylaFAX's protocol: against a scripted server, and against Debian's own hfaxd where it is installed."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from dispatcher.adapters.fax_hylafax import HylaFax
from dispatcher.adapters.fax_pages import fax_document, fax_of
from dispatcher.domain.fax_result import CallEnd
from dispatcher.domain.outcome import OutcomeKind
from dispatcher.services.fax_carrier import CarrierSilent, FaxOrder, ForgedCallback
from dispatcher.services.stationery import FaxLine
from tests.servers.fax_http import Answer
from tests.servers.hylafax_server import HylaFaxServer, hfaxd, hfaxd_found, hylafax_serving

NOW = datetime(2027, 9, 24, 14, tzinfo=UTC)
needs_hfaxd = pytest.mark.skipif(
    not hfaxd_found(), reason="hfaxd and faxq (hylafax-server) are not installed, or this is not root"
)


def order(reference: str = "a" * 32, tiff: bytes = b"II*\0") -> FaxOrder:
    return FaxOrder(
        reference=reference, number="+12125550103", pages=1, media_url="", callback_url="", tiff=tiff
    )


def find(fax: HylaFax, reference: str) -> object:
    return fax.find(reference=reference, number="", media_url="", since=NOW, known=frozenset())


@pytest.fixture
def server() -> HylaFaxServer:
    return HylaFaxServer()


@pytest.fixture
def fax(server: HylaFaxServer) -> Iterator[HylaFax]:
    with hylafax_serving(server) as port:
        yield HylaFax(f"hylafax://127.0.0.1:{port}", password="secret", timeout=5)


def test_a_job_is_one_call_with_our_pages_and_our_reference(fax: HylaFax, server: HylaFaxServer) -> None:
    outcome = fax.submit(order()).outcome
    assert (outcome.kind, outcome.provider_ref) == (OutcomeKind.ACCEPTED, "1")
    job = server.jobs["1"]
    assert (job["DIALSTRING"], job["JOBINFO"], job["MAXDIALS"]) == ("+12125550103", "a" * 32, "1")
    assert (job["VRES"], job["TAGLINE"], job["NOTIFY"]) == ("196", "", "none")
    assert server.documents[job["DOCUMENT"]] == b"II*\0"


@pytest.mark.parametrize(
    ("how", "end", "pages"),
    [
        ("delivered", CallEnd.DELIVERED, 3),
        ("busy", CallEnd.BUSY, None),
        ("no_answer", CallEnd.NO_ANSWER, None),
        ("no_fax", CallEnd.NO_FAX, None),
        ("line_error", CallEnd.LINE_ERROR, 1),
        ("unconfirmed", CallEnd.UNKNOWN, 2),
        ("bad_number", CallEnd.BAD_NUMBER, None),
        ("no_modem", CallEnd.OUR_SIDE, None),
    ],
)
def test_the_servers_words_are_told_apart(
    fax: HylaFax, server: HylaFaxServer, how: str, end: CallEnd, pages: int | None
) -> None:
    fax.submit(order())
    underway = fax.status("1")
    assert underway is not None and underway.end is None
    server.ends("1", how, pages=pages)
    word = fax.status("1")
    assert word is not None and (word.end, word.confirmed) == (end, pages)


def test_a_password_is_given_where_it_is_asked_for(fax: HylaFax, server: HylaFaxServer) -> None:
    server.password = "secret"
    assert fax.probe() == []
    server.password = "another"
    (problem,) = fax.probe()
    assert "does not let 'dispatcher' in (530)" in problem
    assert fax.submit(order()).outcome.relay
    with pytest.raises(CarrierSilent):
        fax.status("1")


def test_a_refused_job_was_not_taken(fax: HylaFax, server: HylaFaxServer) -> None:
    server.script[:] = [Answer(504)]
    outcome = fax.submit(order()).outcome
    assert (outcome.kind, outcome.relay, outcome.code) == (OutcomeKind.DEFERRED, True, 504)


def test_nobody_there_is_told_as_that(server: HylaFaxServer) -> None:
    fax = HylaFax("hylafax://127.0.0.1:9", timeout=2)
    assert fax.submit(order()).outcome.kind is OutcomeKind.DEFERRED
    assert fax.probe() == ["The HylaFAX server 127.0.0.1:9 could not be reached."]
    with pytest.raises(CarrierSilent):
        find(fax, "x")


def test_a_job_can_be_called_off(fax: HylaFax, server: HylaFaxServer) -> None:
    fax.submit(order())
    assert fax.cancel("1") and not fax.cancel("7")
    word = fax.status("1")
    assert word is not None and word.end is CallEnd.REJECTED


def test_it_calls_nobody_back(fax: HylaFax) -> None:
    with pytest.raises(ForgedCallback):
        fax.read_callback(url="", headers={}, body=b"", now=NOW)


@needs_hfaxd
def test_debians_own_server_takes_finds_and_kills_a_job(pdf: bytes) -> None:
    tiff = fax_document(
        fax_of(pdf).tiff, header=FaxLine(sent_at=NOW, sender="Refugees Day", number="+12025550124")
    ).tiff
    with hfaxd() as port:
        fax = HylaFax(f"hylafax://127.0.0.1:{port}")
        assert fax.probe() == []
        submission = fax.submit(order("b" * 32, tiff)).outcome
        assert submission.kind is OutcomeKind.ACCEPTED and submission.provider_ref
        ref = submission.provider_ref
        word = fax.status(ref)
        assert word is not None and (word.end, word.provider_ref) == (None, ref)
        assert find(fax, "b" * 32) == word
        assert find(fax, "c" * 32) is None
        assert fax.status("99") is None
        assert fax.cancel(ref)
        ended = fax.status(ref)
        assert ended is not None and (ended.end, ended.words) == (CallEnd.REJECTED, "Job aborted by request")
        assert find(fax, "b" * 32) == ended


@pytest.fixture(scope="session")
def pdf() -> bytes:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.new("L", (595, 842), 255).save(stream, "PDF")
    return stream.getvalue()
