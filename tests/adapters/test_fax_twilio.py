"""A Twilio-compatible gateway's answers and callbacks, as SignalWire documents them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from dispatcher.adapters.fax_answers import retry_after
from dispatcher.adapters.fax_twilio import TwilioFax
from dispatcher.adapters.twilio_client import TwilioApi
from dispatcher.domain.fax_result import CallEnd
from dispatcher.domain.outcome import OutcomeKind
from dispatcher.services.fax_carrier import CarrierSilent, CarrierWord, FaxOrder
from tests.servers.fax_http import Answer, answer, serving
from tests.servers.twilio_gateway import PROJECT, SIGNING_KEY, TOKEN, TwilioGateway

NOW = datetime(2027, 9, 24, 14, tzinfo=UTC)
ORDER = FaxOrder(
    reference="a" * 32,
    number="+12125550103",
    pages=2,
    media_url="https://letters.real-campaign.de/fax/pages/x",
    callback_url=f"https://letters.real-campaign.de/fax/callbacks/twilio?job={'a' * 32}",
)
Line = tuple[TwilioFax, TwilioGateway]


@pytest.fixture
def line() -> Iterator[Line]:
    with serving(TwilioGateway(now=NOW)) as (gateway, port):
        api = TwilioApi(f"http://127.0.0.1:{port}/api/laml", PROJECT, TOKEN, timeout=5)
        yield TwilioFax(api, from_number="+12025550124", signing_key=SIGNING_KEY), gateway


def find(fax: TwilioFax, *, known: frozenset[str] = frozenset()) -> CarrierWord | None:
    return fax.find(
        reference=ORDER.reference,
        number=ORDER.number,
        media_url=ORDER.media_url,
        since=NOW - timedelta(minutes=5),
        known=known,
    )


def test_an_order_is_as_the_gateway_wants_it(line: Line) -> None:
    fax, gateway = line
    assert fax.submit(ORDER).outcome.kind is OutcomeKind.ACCEPTED
    (order,) = gateway.orders
    assert order == {
        "To": "+12125550103",
        "From": "+12025550124",
        "MediaUrl": ORDER.media_url,
        "Quality": "fine",
        "StatusCallback": ORDER.callback_url,
        "StatusCallbackMethod": "POST",
        "StoreMedia": "false",
    }


@pytest.mark.parametrize(
    ("status", "message", "end"),
    [
        ("queued", None, None),
        ("sending", None, None),
        ("receiving", None, None),
        ("delivered", None, CallEnd.DELIVERED),
        ("no-answer", None, CallEnd.NO_ANSWER),
        ("canceled", None, CallEnd.REJECTED),
        ("failed", None, CallEnd.LINE_ERROR),
        ("failed", "No response after sending a page", CallEnd.UNKNOWN),
        ("failed", "Media could not be downloaded", CallEnd.OUR_SIDE),
        ("failed", "User busy", CallEnd.BUSY),
    ],
)
def test_each_status_is_understood(line: Line, status: str, message: str | None, end: CallEnd | None) -> None:
    fax, gateway = line
    ref = fax.submit(ORDER).outcome.provider_ref or ""
    gateway.end(ref, status, message=message)
    word = fax.status(ref)
    assert word is not None and word.end is end


def test_the_older_name_of_the_signature_is_taken_too(line: Line) -> None:
    fax, gateway = line
    told = gateway.callback(fax.submit(ORDER).outcome.provider_ref or "")
    headers = {"x-twilio-signature": told.headers["X-SignalWire-Signature"]}
    word = fax.read_callback(url=told.url, headers=headers, body=told.body, now=NOW)
    assert word.reference == ORDER.reference


def test_a_lost_order_is_found_by_number_and_hour_but_no_other_fax_of_ours(line: Line) -> None:
    fax, gateway = line
    assert find(fax) is None
    earlier = fax.submit(ORDER).outcome.provider_ref or ""
    gateway.faxes[earlier]["date_created"] = (NOW - timedelta(hours=1)).isoformat()
    assert find(fax) is None
    other = fax.submit(ORDER).outcome.provider_ref or ""
    assert find(fax, known=frozenset({other})) is None
    mine = fax.submit(ORDER).outcome.provider_ref or ""
    gateway.faxes[mine]["date_created"] = format_datetime(NOW)
    found = find(fax, known=frozenset({other}))
    assert found is not None and found.provider_ref == mine


def test_the_link_tells_more_than_the_hour(line: Line) -> None:
    fax, gateway = line
    mine = fax.submit(ORDER).outcome.provider_ref or ""
    gateway.faxes[mine] |= {"date_created": "yesterday", "media_url": ORDER.media_url}
    fax.submit(ORDER)
    found = find(fax)
    assert found is not None and found.provider_ref == mine


@pytest.mark.parametrize(
    "said", [Answer(500, ""), Answer(200, "<html>"), answer({"faxes": "none"}), answer({}, 429)]
)
def test_a_list_that_cannot_be_read_proves_nothing(line: Line, said: Answer) -> None:
    fax, gateway = line
    gateway.always = said
    with pytest.raises(CarrierSilent):
        find(fax)


def test_a_gateway_without_faxes_says_so_at_the_check(line: Line) -> None:
    fax, gateway = line
    assert fax.probe() == []
    gateway.always = answer({"code": 34005, "message": "Programmable Fax is no longer available"}, 410)
    assert fax.probe() == ["The fax gateway answered 410 to a question for its list of faxes."]
    outcome = fax.submit(ORDER).outcome
    assert outcome.relay and "sends no faxes any more" in outcome.reply


@pytest.mark.parametrize(
    ("text", "minutes"),
    [(None, None), ("60", 1), ("999999", 60), ("Fri, 24 Sep 2027 14:05:00 GMT", 1), ("-5", 1), ("0", 1)],
)
def test_the_rest_that_is_asked_for_has_bounds(text: str | None, minutes: int | None) -> None:
    assert retry_after(text) == (None if minutes is None else timedelta(minutes=minutes))
