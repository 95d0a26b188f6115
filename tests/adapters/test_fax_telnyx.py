"""Telnyx's answers and webhooks, as they are documented."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatcher.adapters.fax_telnyx import TelnyxFax
from dispatcher.domain.fax_result import CallEnd
from dispatcher.domain.outcome import OutcomeKind
from dispatcher.services.fax_carrier import CarrierSilent, CarrierWord, FaxOrder, ForgedCallback
from tests.servers.fax_http import Answer, Callback, answer, serving
from tests.servers.telnyx_server import CONNECTION, KEY, TelnyxServer

NOW = datetime(2027, 9, 24, 14, tzinfo=UTC)
ORDER = FaxOrder(
    reference="a" * 32,
    number="+12125550103",
    pages=2,
    media_url="https://letters.real-campaign.de/fax/pages/x",
    callback_url="https://letters.real-campaign.de/fax/callbacks/telnyx",
)
OurSide = tuple[TelnyxFax, TelnyxServer]


@pytest.fixture
def telnyx() -> Iterator[OurSide]:
    with serving(TelnyxServer(now=NOW)) as (server, port):
        yield (
            TelnyxFax(
                f"http://127.0.0.1:{port}",
                key=KEY,
                connection=CONNECTION,
                from_number="+12025550124",
                public_key=server.public_key,
                timeout=5,
            ),
            server,
        )


def read(fax: TelnyxFax, told: Callback, *, now: datetime = NOW) -> CarrierWord:
    headers = {name.lower(): value for name, value in told.headers.items()}
    return fax.read_callback(url=told.url, headers=headers, body=told.body, now=now)


def test_an_order_names_nobody_and_asks_for_no_copy(telnyx: OurSide) -> None:
    fax, server = telnyx
    assert fax.submit(ORDER).outcome.kind is OutcomeKind.ACCEPTED
    (order,) = server.orders
    assert (order["connection_id"], order["quality"], order["store_media"]) == (CONNECTION, "high", False)
    assert (order["to"], order["from"]) == ("+12125550103", "+12025550124")


def test_nothing_is_sent_again_by_the_client_itself(telnyx: OurSide) -> None:
    fax, server = telnyx
    server.script[:] = [Answer(503), Answer(503)]
    assert fax.submit(ORDER).outcome.kind is OutcomeKind.UNKNOWN
    assert len(server.orders) == 1


@pytest.mark.parametrize(
    ("said", "kind", "relay"),
    [
        (answer({"errors": [{"code": "10009"}]}, 401), OutcomeKind.DEFERRED, True),
        (answer({"errors": [{"code": "10010"}]}, 403), OutcomeKind.DEFERRED, True),
        (answer({"errors": []}, 429), OutcomeKind.DEFERRED, True),
        (answer({"errors": [{"code": "10015", "detail": "x"}]}, 422), OutcomeKind.DEFERRED, True),
        (
            answer({"errors": [{"code": "10016", "source": {"pointer": "/to"}}]}, 422),
            OutcomeKind.REFUSED,
            False,
        ),
        (
            answer({"errors": [{"code": "10016", "source": {"pointer": "/from"}}]}, 422),
            OutcomeKind.DEFERRED,
            True,
        ),
        (Answer(200, "<html>"), OutcomeKind.UNKNOWN, False),
        (answer({"data": []}), OutcomeKind.UNKNOWN, False),
        (Answer(422, "<html>"), OutcomeKind.UNKNOWN, False),
    ],
)
def test_every_answer_to_an_order_is_understood(
    telnyx: OurSide, said: Answer, kind: OutcomeKind, relay: bool
) -> None:
    fax, server = telnyx
    server.script[:] = [said]
    outcome = fax.submit(ORDER).outcome
    assert (outcome.kind, outcome.relay) == (kind, relay)
    assert outcome.reply.endswith(".") and outcome.reply.count(". ") == 0


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("user_busy", CallEnd.BUSY),
        ("receiver_decline", CallEnd.REJECTED),
        ("account_disabled", CallEnd.OUR_SIDE),
        ("file_download_failed", CallEnd.OUR_SIDE),
        ("destination_not_in_countries_whitelist", CallEnd.OUR_SIDE),
        (None, CallEnd.LINE_ERROR),
    ],
)
def test_a_failed_fax_has_an_end_by_its_reason(telnyx: OurSide, reason: str | None, end: CallEnd) -> None:
    fax, server = telnyx
    ref = fax.submit(ORDER).outcome.provider_ref
    assert ref is not None
    server.faxes[ref] |= {"status": "failed", "failure_reason": reason}
    word = fax.status(ref)
    assert word is not None and word.end is end
    assert read(fax, server.callback(ref)).end is end


def test_a_webhook_tells_the_pages_and_our_reference(telnyx: OurSide) -> None:
    fax, server = telnyx
    ref = fax.submit(ORDER).outcome.provider_ref or ""
    server.ends(ref, "delivered", pages=2)
    word = read(fax, server.callback(ref))
    assert (word.end, word.confirmed, word.reference) == (CallEnd.DELIVERED, 2, "a" * 32)


@pytest.mark.parametrize("age", [timedelta(minutes=6), -timedelta(minutes=6)])
def test_a_webhook_out_of_its_time_is_refused(telnyx: OurSide, age: timedelta) -> None:
    fax, server = telnyx
    told = server.callback(fax.submit(ORDER).outcome.provider_ref or "")
    with pytest.raises(ForgedCallback, match="too old"):
        read(fax, told, now=NOW + age)


@pytest.mark.parametrize(
    "change",
    [
        {"body": b'{"data": {"payload": {"fax_id": "x", "status": "delivered"}}}'},
        {"headers": {}},
        {"headers": {"telnyx-timestamp": "1", "telnyx-signature-ed25519": "%%%"}},
    ],
)
def test_a_forged_webhook_is_refused(telnyx: OurSide, change: dict[str, Any]) -> None:
    fax, server = telnyx
    told = server.callback(fax.submit(ORDER).outcome.provider_ref or "")
    with pytest.raises(ForgedCallback, match="signature"):
        read(fax, replace(told, **change))


def test_without_a_public_key_every_webhook_is_refused(telnyx: OurSide) -> None:
    fax, server = telnyx
    told = server.callback(fax.submit(ORDER).outcome.provider_ref or "")
    fax._public_key = ""
    with pytest.raises(ForgedCallback):
        read(fax, told)


def test_a_fax_is_called_off(telnyx: OurSide) -> None:
    fax, _ = telnyx
    ref = fax.submit(ORDER).outcome.provider_ref or ""
    assert fax.cancel(ref)
    word = fax.status(ref)
    assert word is not None and word.end is CallEnd.REJECTED


def test_the_probe_says_what_is_wrong(telnyx: OurSide) -> None:
    fax, _ = telnyx
    assert fax.probe() == []
    fax._client.headers["Authorization"] = "Bearer wrong"
    (problem,) = fax.probe()
    assert "401" in problem
    with pytest.raises(CarrierSilent):
        fax.status("x")
