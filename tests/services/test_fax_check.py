"""What stands between a fax carrier and the day."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from dispatcher.adapters.telephone_numbers import number_problem
from dispatcher.domain.errors import SettingsProblem
from dispatcher.services.fax_carrier import FaxCarrier
from dispatcher.services.fax_check import FaxCheck
from dispatcher.services.going_live import Severity
from dispatcher.settings import load_settings
from dispatcher.wiring_check import inspect
from tests.fax_bench import LIVE, hylafax_bench, twilio_bench
from tests.installation import Installation

Install = Callable[..., Installation]


@dataclass
class _Carrier:
    fetches: bool = True
    problems: tuple[str, ...] = ()

    def probe(self) -> list[str]:
        return list(self.problems)


def carrier(**fields: Any) -> FaxCarrier:
    return cast(FaxCarrier, _Carrier(**fields))  # the check asks a carrier for nothing else


GOOD = FaxCheck(
    carrier=carrier(),
    from_number="+12025550124",
    needs_number=True,
    address="https://letters.real-campaign.de/fax",
    has_key=True,
    number_problem=number_problem,
    alerts_from="",
    alerts_to=(),
    alerts_complete=False,
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"carrier": carrier(problems=("It said no.",))}, {"fax-carrier": Severity.STOP}),
        ({"from_number": ""}, {"fax-number": Severity.STOP}),
        ({"from_number": "+999"}, {"fax-number": Severity.STOP}),
        ({"from_number": "", "needs_number": False}, {}),
        ({"address": "http://127.0.0.1:8000/fax"}, {"fax-public-url": Severity.STOP}),
        ({"address": "http://127.0.0.1:8000/fax", "carrier": carrier(fetches=False)}, {}),
        ({"has_key": False}, {"fax-signing-key": Severity.WARN}),
        ({"carrier": None, "from_number": ""}, {}),
        (
            {"alerts_to": ("12",)},
            {"alerts-number": Severity.WARN, "alerts-account": Severity.WARN},
        ),
        ({"alerts_to": ("+12025550130",), "alerts_from": "+12025550124", "alerts_complete": True}, {}),
    ],
)
def test_each_thing_that_is_not_right_is_told(changes: dict[str, Any], expected: dict[str, Severity]) -> None:
    found = replace(GOOD, **changes).findings()
    assert {each.id: each.severity for each in found} == expected


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_the_check_signs_in_to_the_carrier(install: Install) -> None:
    with twilio_bench(install, DISPATCHER_FAX__TOKEN="wrong") as bench:
        (told,) = [each for each in inspect(bench.home.settings, live=True) if each.id == "fax-carrier"]
        assert "401" in told.message
    with twilio_bench(install) as bench:
        assert not [each for each in inspect(bench.home.settings, live=True) if each.id.startswith("fax")]
    with hylafax_bench(install) as bench:
        assert not [each for each in inspect(bench.home.settings, live=True) if each.id.startswith("fax")]


@pytest.mark.parametrize(
    "address",
    ["http://gateway.your-carrier", "ftp://10.0.0.1", "hylafax://fax.your-carrier:4559", "https://a@b", "x"],
)
def test_a_carrier_is_reached_safely_or_on_this_machine(address: str) -> None:
    with pytest.raises(SettingsProblem, match=r"fax\.base_url"):
        load_settings({"DISPATCHER_FAX__BASE_URL": address})
    for fine in ("https://space.signalwire.com/api/laml/", "http://127.0.0.1:1", "hylafax://localhost", ""):
        assert load_settings({"DISPATCHER_FAX__BASE_URL": fine}).fax.base_url == fine.rstrip("/")


@pytest.mark.parametrize("engine_name", ["sqlite"])
@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"CARRIER": "twilio"}, "fax.base_url and fax.account and fax.token"),
        ({"CARRIER": "telnyx"}, "fax.account and fax.token"),
        ({"CARRIER": "hylafax", "BASE_URL": "https://fax.your-carrier"}, "hylafax://"),
    ],
)
def test_a_carrier_that_lacks_something_is_told_at_once(
    install: Install, settings: dict[str, str], word: str
) -> None:
    environment = LIVE | {f"DISPATCHER_FAX__{name}": value for name, value in settings.items()}
    with pytest.raises(SettingsProblem) as raised:
        install(environment=environment)
    assert word in str(raised.value)


def test_the_token_is_shown_nowhere() -> None:
    settings = load_settings({"DISPATCHER_FAX__TOKEN": "hunter2", "DISPATCHER_FAX__SIGNING_KEY": "hunter3"})
    assert "hunter" not in repr(settings) + settings.model_dump_json()
