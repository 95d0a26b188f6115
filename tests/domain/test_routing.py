"""Routes: by rule on a small made-up directory, and by fact on the shipped one."""

from datetime import date
from functools import cache

import pycountry
import pytest

from dispatcher.adapters.directory_files import read_directory
from dispatcher.domain.channel_choice import choose_channels
from dispatcher.domain.delivery import HoldReason
from dispatcher.domain.directory import Directory
from dispatcher.domain.mission import (
    Channel,
    Grade,
    MissionKind,
)
from dispatcher.domain.place import Place
from dispatcher.domain.routing import Route, route
from dispatcher.shelf import resource

TODAY = date(2026, 11, 24)


@cache
def shipped() -> Directory:
    return read_directory(resource("config", "missions"))


def where(country: str, region: str | None = None, city: str | None = None, *, on: date = TODAY) -> Route:
    place = Place(country=country, region=region, city=city)
    return route(place, shipped(), least_grade=Grade.C, webmail=True, on=on)


@pytest.mark.parametrize("code", sorted(country.alpha_2 for country in pycountry.countries))
def test_every_iso_country_gets_a_mission_or_an_explained_hold(code: str) -> None:
    found = where(code)
    assert len(found.reason) > 30
    assert found.reason.endswith((".", "'."))
    if found.mission is None:
        assert found.held in {HoldReason.NO_MISSION, HoldReason.CHOOSE_MISSION}
        assert f"({code})" in found.reason
    else:
        assert found.held in {None, HoldReason.NO_CONTACT}


def test_there_are_249_iso_codes_and_few_of_them_are_held_for_want_of_a_mission() -> None:
    codes = [country.alpha_2 for country in pycountry.countries]
    held = {code for code in codes if where(code).mission is None}
    assert len(codes) == 249
    uninhabited_or_disputed = {"AQ", "BV", "EH", "GS", "HM", "IO", "TF", "UM"}
    with_taiwan = {"BZ", "GT", "KN", "LC", "MH", "PW", "PY", "SZ", "TV", "VA", "VC"}
    assert held == uninhabited_or_disputed | with_taiwan | {"BT", "CN", "HK", "MO", "TW"}


DISTRICT_COUNTRIES = sorted({row.country for row in shipped().jurisdictions})


@pytest.mark.parametrize("country", DISTRICT_COUNTRIES)
def test_every_region_of_a_country_with_districts_answers(country: str) -> None:
    for region in (each for each in pycountry.subdivisions if each.country_code == country):
        found = where(country, region.code)
        assert found.mission or found.held, region.code
        assert found.mission is None or found.mission in {one.id for one in shipped().missions}


def test_a_texan_hears_why_washington_gets_the_letter() -> None:
    found = where("US", "US-TX")
    assert found.mission == "cn-us-washington"
    assert found.reason == (
        "You live in Texas (US-TX). Since the consulate-general in Houston closed in July 2020, "
        "the embassy in Washington serves Texas."
    )


@pytest.mark.parametrize("region", ["AL", "AR", "FL", "GA", "LA", "MS", "OK", "TX"])
def test_the_eight_houston_states_go_to_washington(region: str) -> None:
    assert where("US", f"US-{region}").mission == "cn-us-washington"


def test_a_district_that_moved_is_served_by_the_old_mission_the_day_before() -> None:
    assert where("US", "US-UT", on=date(2024, 6, 28)).mission == "cn-us-washington"
    found = where("US", "US-UT", on=date(2024, 6, 29))
    assert found.mission == "cn-us-los-angeles"
    assert "Since June 2024 the consulate-general in Los Angeles serves Utah." in found.reason


@pytest.mark.parametrize(
    ("city", "mission_id"),
    [
        ("Los Angeles", "cn-us-los-angeles"),
        ("San Francisco", "cn-us-san-francisco"),
        ("Fresno", "cn-us-san-francisco"),
        ("Bakersfield", "cn-us-los-angeles"),
        ("San Luis Obispo", "cn-us-los-angeles"),
        ("Santa Barbara", "cn-us-los-angeles"),
        ("Monterey", "cn-us-san-francisco"),
        ("Bishop", "cn-us-san-francisco"),
        ("San José", "cn-us-san-francisco"),
        ("  LA  CAÑADA flintridge ", "cn-us-los-angeles"),
        ("La Canada-Flintridge", "cn-us-los-angeles"),
        ("St. Helena", "cn-us-san-francisco"),
        ("Saint Helena, CA", "cn-us-san-francisco"),
        ("City of San Diego", "cn-us-los-angeles"),
        ("L.A.", "cn-us-los-angeles"),
        ("Orange County", "cn-us-los-angeles"),
        ("Alpine County", "cn-us-san-francisco"),
        ("洛杉矶", "cn-us-los-angeles"),
        ("샌프란시스코", "cn-us-san-francisco"),
        ("サンディエゴ", "cn-us-los-angeles"),
    ],
)
def test_a_californian_city_decides_between_the_two_consulates(city: str, mission_id: str) -> None:
    assert where("US", "US-CA", city).mission == mission_id


@pytest.mark.parametrize("city", [None, "", "Springfield"])
def test_california_without_a_known_city_is_held_with_a_question(city: str | None) -> None:
    found = where("US", "US-CA", city)
    assert (found.mission, found.held, found.channels) == (None, HoldReason.CHOOSE_MISSION, ())
    assert found.question is not None
    assert set(found.question.candidates) == {"cn-us-san-francisco", "cn-us-los-angeles"}
    assert found.question.text.endswith("In which city or county do you live?")


def test_all_counties_and_more_than_480_cities_of_california_are_decided() -> None:
    cities = [row for row in shipped().split_cities if row.region == "US-CA"]
    assert len({row.county for row in cities}) == 58
    south = {row.county for row in cities if row.mission == "cn-us-los-angeles"}
    assert len(south) == 10
    assert len([row for row in cities if row.source.startswith("S181")]) == 483 + 58


def test_a_city_that_other_states_have_too_decides_nothing_without_its_region() -> None:
    assert where("US", None, "Pasadena").mission == "cn-us-washington"
    assert where("US", None, "San Francisco").mission == "cn-us-san-francisco"


def test_a_city_in_which_one_mission_stands_decides_where_the_region_is_missing() -> None:
    found = where("JP", None, "Nagoya")
    assert found.mission == "cn-jp-nagoya"
    assert found.reason == "You live in Nagoya, where a consulate-general stands."
    assert where("US", None, "New York").mission == "cn-us-new-york"


def test_a_permanent_mission_never_gets_a_letter_by_place() -> None:
    for mission_ in shipped().missions:
        if mission_.kind is MissionKind.PERMANENT_MISSION:
            found = where(mission_.country, None, mission_.city)
            assert found.mission not in {None, mission_.id}
            assert not str(found.mission).endswith(("-un", "-eu"))


def test_a_consulate_serves_the_region_it_stands_in_without_a_sourced_district() -> None:
    assert where("AE", "AE-DU").mission == "cn-ae-dubai"
    assert where("GB", "GB-SCT").mission == "cn-gb-edinburgh"


def test_a_region_with_two_missions_in_it_falls_to_the_embassy() -> None:
    assert where("GB", "GB-ENG").mission == "cn-gb-london"
    assert where("GB", "GB-ENG", "Leeds").mission == "cn-gb-manchester"


def test_ottawa_and_gatineau_go_to_the_embassy_and_the_rest_of_ontario_to_toronto() -> None:
    assert where("CA", "CA-ON").mission == "cn-ca-toronto"
    assert where("CA", "CA-ON", "Ottawa").mission == "cn-ca-ottawa"
    assert where("CA", "CA-QC", "Gatineau").mission == "cn-ca-ottawa"


def test_a_province_inside_a_region_follows_the_region() -> None:
    assert where("IT", "IT-FI").mission == where("IT", "IT-52").mission == "cn-it-florence"


def test_a_country_without_districts_goes_to_its_embassy() -> None:
    found = where("HU")
    assert (found.mission, found.held) == ("cn-hu-budapest", None)
    assert found.reason == "You live in Hungary (HU). The embassy in Budapest serves all of Hungary."


@pytest.mark.parametrize(
    ("country", "mission_id"),
    [("LT", "cn-lt-vilnius"), ("PS", "cn-ps-ramallah"), ("HT", "cn-ht-port-au-prince")],
)
def test_an_office_serves_where_it_is_the_only_one(country: str, mission_id: str) -> None:
    assert where(country).mission == mission_id


@pytest.mark.parametrize(
    ("code", "mission_id"),
    [
        ("GL", "cn-dk-copenhagen"),
        ("FO", "cn-dk-copenhagen"),
        ("GI", "cn-gb-london"),
        ("BM", "cn-gb-london"),
        ("FK", "cn-gb-london"),
        ("AX", "cn-fi-helsinki"),
        ("AW", "cn-nl-the-hague"),
        ("SJ", "cn-no-oslo"),
        ("GF", "cn-fr-paris"),
        ("PM", "cn-fr-paris"),
        ("RE", "cn-re-saint-denis"),
        ("PF", "cn-pf-papeete"),
        ("GU", "cn-us-los-angeles"),
        ("MP", "cn-us-los-angeles"),
        ("VI", "cn-us-washington"),
        ("PR", "cn-us-washington"),
        ("TK", "cn-nz-wellington"),
        ("NF", "cn-au-canberra"),
        ("LI", "cn-ch-zurich"),
        ("MC", "cn-fr-paris"),
    ],
)
def test_a_territory_or_a_country_without_embassy_has_the_right_one(code: str, mission_id: str) -> None:
    assert where(code).mission == mission_id


def test_a_territory_may_also_be_named_as_a_region_of_its_state() -> None:
    assert where("FR", "FR-974").mission == "cn-re-saint-denis"
    assert where("US", "US-GU").mission == where("GU").mission
    assert "Houston closed in July 2020" in where("PR").reason


def test_a_region_of_another_country_is_not_followed() -> None:
    assert where("DE", "US-TX").mission == "cn-de-berlin"


def test_an_unknown_code_is_held() -> None:
    found = where("XK")
    assert (found.mission, found.held) == (None, HoldReason.NO_MISSION)
    assert "XK" in found.reason


def test_a_mission_without_a_usable_contact_holds_the_letter_under_its_name() -> None:
    found = where("LT")
    assert (found.mission, found.held, found.channels) == ("cn-lt-vilnius", HoldReason.NO_CONTACT, ())
    assert found.reason.endswith("can be used.")
    assert "dispatcher" not in found.reason  # supporters read it; remedies are for organizers


def test_the_reason_repeats_nothing_that_the_supporter_typed() -> None:
    assert "zzyzx" not in where("US", "US-CA", "zzyzx").reason.casefold()
    assert "FRESNO" not in where("US", "US-CA", "FRESNO").reason


def test_93_missions_are_reached_by_email_first() -> None:
    first = dict.fromkeys(Channel, 0)
    for one in shipped().missions:
        choices, _ = choose_channels(one, least_grade=Grade.C, webmail=True)
        if choices:
            first[choices[0].channel] += 1
    assert len(shipped().missions) == 281
    assert first == {Channel.EMAIL: 93, Channel.FAX: 19, Channel.PAPER: 26}


def test_no_contact_for_citizens_in_distress_is_ever_chosen() -> None:
    for one in shipped().missions:
        choices, considered = choose_channels(one, least_grade=Grade.C, webmail=True)
        for choice in choices:
            assert not any(word in choice.contact.role for word in ("protection", "health-code"))
        assert len(considered) == len(one.contacts)
