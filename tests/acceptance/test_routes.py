"""`dispatcher route` for every place of the world."""

import json
from collections.abc import Iterator
from typing import Any

import pycountry
import pytest

from dispatcher.domain.delivery import HoldReason, remedy
from tests.acceptance.station import Station

_ALL = sorted(country.alpha_2 for country in pycountry.countries)
# The Netherlands (or another country), as people of each language write it.
_NAMES = {
    "Netherlands": "NL",
    "네덜란드": "NL",
    "オランダ": "NL",
    "荷兰": "NL",
    "荷蘭": "NL",
    "Países Bajos": "NL",
    "Países Baixos": "NL",
    "Niederlande": "NL",
    "Nederland": "NL",
    "les Pays-Bas": "NL",
    "the united states": "US",
    "미국": "US",
    "アメリカ合衆国": "US",
    "美国": "US",
    "Estados Unidos": "US",
    "Vereinigte Staaten": "US",
    "Verenigde Staten": "US",
    "États-Unis": "US",
    "Côte d’Ivoire": "CI",
    "south korea": "KR",
    "DEU": "DE",
}
_KEYS = {"country", "region", "mission", "channels", "held", "reason"}


@pytest.fixture(scope="module")
def world(furnished_station: Station) -> dict[str, dict[str, Any]]:
    lines = "\n".join(json.dumps({"country": code}) for code in _ALL)
    answers = [json.loads(line) for line in _route_lines(furnished_station, lines)]
    assert [answer["country"] for answer in answers] == _ALL
    return {answer["country"]: answer for answer in answers}


def _route_lines(station: Station, lines: str) -> Iterator[str]:
    yield from station.ask("route", "--jsonl", "-", stdin=lines).out.splitlines()


def test_each_of_the_249_countries_gives_a_mission_or_an_explained_hold(
    world: dict[str, dict[str, Any]],
) -> None:
    assert len(world) == 249
    for code, answer in world.items():
        assert set(answer) >= _KEYS, code
        assert answer["reason"].startswith("You live in "), code
        assert answer["reason"].endswith("."), code
        if answer["mission"] is None or not answer["channels"]:
            hold = HoldReason(answer["held"])
            # What an organizer can do is part of the answer.
            assert answer["reason"].endswith(remedy(hold)), code
        else:
            assert answer["held"] is None
            assert [each["channel"] for each in answer["channels"]] == [
                name
                for name in ("email", "fax", "paper")
                if name in {c["channel"] for c in answer["channels"]}
            ]
            for each in answer["channels"]:
                assert each["grade"] in {"A", "B", "C"}
                assert each["as_of"]


def test_a_country_without_an_embassy_is_explained(world: dict[str, dict[str, Any]]) -> None:
    taiwan_allies = {"BZ", "GT", "PY", "SZ", "VA", "PW", "TV", "MH", "KN", "LC", "VC"}
    for code in taiwan_allies:
        answer = world[code]
        assert answer["mission"] is None
        assert answer["held"] == "no_mission"
        assert "relations with Taiwan" in answer["reason"]


def test_texas_goes_to_washington_and_the_reason_names_houston(furnished_station: Station) -> None:
    answer = furnished_station.run("route", "--country", "US", "--region", "US-TX", "--json").json
    assert answer["mission"] == "cn-us-washington"
    assert answer["reason"] == (
        "You live in Texas (US-TX). Since the consulate-general in Houston closed in July 2020, "
        "the embassy in Washington serves Texas."
    )


def test_california_is_settled_by_the_city_or_by_a_question_and_never_by_chance(
    furnished_station: Station,
) -> None:
    cities = {
        "San Francisco": "cn-us-san-francisco",
        "Oakland": "cn-us-san-francisco",
        "los angeles": "cn-us-los-angeles",
        "San Diego": "cn-us-los-angeles",
        "": None,
        "Nowhere-on-Sea": None,
    }
    lines = "\n".join(json.dumps({"country": "US", "region": "US-CA", "city": city}) for city in cities)
    answers = [json.loads(line) for line in _route_lines(furnished_station, lines)]
    assert [answer["mission"] for answer in answers] == list(cities.values())
    for answer in answers[-2:]:
        assert answer["held"] == "choose_mission"
        assert set(answer["question"]["candidates"]) == {"cn-us-los-angeles", "cn-us-san-francisco"}
        assert answer["question"]["text"].endswith("In which city or county do you live?")


def test_names_of_countries_are_understood_in_all_nine_languages(furnished_station: Station) -> None:
    lines = "\n".join(json.dumps({"country": name}) for name in _NAMES)
    answers = [json.loads(line) for line in _route_lines(furnished_station, lines)]
    assert [answer["country"] for answer in answers] == list(_NAMES.values())


def test_a_line_that_is_no_place_gets_its_own_answer_and_the_rest_go_on(furnished_station: Station) -> None:
    lines = [
        "not json",
        "[]",
        "{}",
        '{"country": "Atlantis"}',
        '{"country": "DE", "region": "US-TX"}',
        '{"country": null}',
        '{"country": "NL", "city": ["a"], "region": 5}',
        '{"country": "NL\\r\\nBcc: x"}',
        '{"country": "NL"}',
    ]
    answers = [json.loads(line) for line in _route_lines(furnished_station, "\n".join(lines))]
    assert len(answers) == len(lines)
    assert all("error" in answer for answer in answers[:6])
    assert answers[-1]["mission"] == "cn-nl-the-hague"


def test_the_answer_for_people_says_what_was_not_used_and_why(furnished_station: Station) -> None:
    words = furnished_station.ask("route", "--country", "Guam").out
    assert words.startswith(
        "You live in Guam (GU), for whose foreign relations the United States is responsible."
    )
    assert "Not used:" in words
    assert "its role is 'consular protection', which is for citizens in distress" in words
