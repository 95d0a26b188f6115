"""/readyz and /metrics, through a real server."""

import asyncio
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from dispatcher.faces.web.site import site
from dispatcher.services import health as health_module
from dispatcher.services.house import House
from tests.faces.web.household import ACTION_DAY, Household
from tests.installation import shut


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "_CACHED_SECONDS", -1.0)


def samples(answer: httpx.Response) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_metrics_tell_numbers_and_nobodys_data(household: Household) -> None:
    household.take()
    household.house.preparation.prepare_all()
    before = samples(household.visitor.get("/metrics"))
    assert before["dispatcher_deliveries", (("kind", "letter"), ("state", "queued"))] == 1
    household.work_on(ACTION_DAY)
    answer = household.visitor.get("/metrics")
    after = samples(answer)
    assert after["dispatcher_attempts_total", (("kind", "letter"), ("outcome", "accepted"))] == 1
    assert after["dispatcher_due_to_settled_seconds_count", (("kind", "letter"),)] == 1
    assert after["dispatcher_due_to_settled_seconds_bucket", (("kind", "letter"), ("le", "+Inf"))] == 1
    assert after["dispatcher_in_doubt", ()] == 0
    assert "jane" not in answer.text.lower() and "@" not in answer.text


def test_the_metrics_are_closed_to_what_a_proxy_hands_on(household: Household) -> None:
    answer = household.visitor.get("/metrics", headers={"X-Forwarded-For": "203.0.113.5"})
    assert answer.status_code == 403
    assert "dispatcher_deliveries" not in answer.text


def ask(house: House, *, client: str, token: str = "", authorization: str | None = None) -> int:
    """The status of /metrics for a request from this address."""

    async def asked() -> int:
        app = site(house, metrics_token=token)
        transport = httpx.ASGITransport(app, client=(client, 40000))
        headers = {} if authorization is None else {"Authorization": authorization}
        async with httpx.AsyncClient(transport=transport, base_url="http://host", headers=headers) as visitor:
            return (await visitor.get("/metrics")).status_code

    return asyncio.run(asked())


ELSEWHERE, HERE = "203.0.113.5", "127.0.0.1"


def test_the_metrics_are_open_to_another_machine_with_the_token_only(household: Household) -> None:
    for wrong in (None, "Bearer", "Bearer wrong", "Basic open sesame", "open sesame"):
        assert ask(household.house, client=ELSEWHERE, token="open sesame", authorization=wrong) == 403
    assert (
        ask(household.house, client=ELSEWHERE, token="open sesame", authorization="Bearer open sesame") == 200
    )


def test_an_empty_token_opens_nothing(household: Household) -> None:
    assert ask(household.house, client=ELSEWHERE, authorization="Bearer ") == 403


def test_behind_a_public_address_this_machine_needs_the_token_too(household: Household) -> None:
    public = replace(household.house, public_url="https://letters.example.org")
    assert ask(household.house, client=HERE) == 200
    assert ask(public, client=HERE, token="t") == 403
    assert ask(public, client=HERE, token="t", authorization="Bearer t") == 200


def test_a_silent_courier_makes_the_service_unready(household: Household) -> None:
    assert household.visitor.get("/readyz").json() == {"ready": True, "problems": {}}
    with household.house.store.write() as work:
        work.couriers.seen("one", "host", household.clock.at)
    household.clock.at += timedelta(minutes=5)
    answer = household.visitor.get("/readyz")
    assert answer.status_code == 503 and list(answer.json()["problems"]) == ["courier"]
    assert household.visitor.get("/healthz").status_code == 200  # the process itself is well


def test_a_database_that_went_away_makes_the_service_unready(household: Household, tmp_path: Path) -> None:
    shut(household.house)
    shutil.move(household.settings.data, tmp_path / "elsewhere")
    for path in ("/readyz", "/metrics"):
        answer = household.visitor.get(path)
        assert answer.status_code == 503 and not answer.json()["ready"]
    shutil.move(tmp_path / "elsewhere", household.settings.data)
    assert household.visitor.get("/readyz").status_code == 200
