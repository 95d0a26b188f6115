"""Look-ups of the directory, on a small made-up one."""

from datetime import date

import pytest

from dispatcher.domain.directory import Closure, Directory, Jurisdiction, SplitCity, Territory
from dispatcher.domain.mission import Mission, MissionId, MissionKind
from dispatcher.domain.spelling import city_spellings, plain


def mission(city: str, *, kind: MissionKind = MissionKind.CONSULATE, suffix: str = "") -> Mission:
    return Mission(
        id=MissionId(f"cn-xx-{city.lower()}{suffix}"),
        kind=kind,
        country="XX",
        country_name="Exland",
        region=None,
        city=city,
        time_zone="UTC",
        name=city,
    )


def district(
    mission_id: str, region: str, since: date | None = None, until: date | None = None
) -> Jurisdiction:
    return Jurisdiction(
        mission=MissionId(mission_id),
        country="XX",
        region=region,
        region_name=region,
        source="S1",
        valid_from=since,
        valid_until=until,
    )


NORTH, SOUTH = mission("North"), mission("South")
ASSEMBLY = mission("North", kind=MissionKind.PERMANENT_MISSION, suffix="-un")
CHANGE = date(2020, 7, 24)


def directory() -> Directory:
    return Directory(
        missions=(NORTH, SOUTH, ASSEMBLY),
        jurisdictions=(
            district("cn-xx-north", "XX-A"),
            district("cn-xx-old", "XX-B", None, date(2020, 7, 23)),
            district("cn-xx-south", "XX-B", CHANGE),
        ),
        territories=(Territory(country="YY", country_name="Isle", responsible="XX", regions=("XX-I",)),),
        split_cities=(
            SplitCity(
                country="XX",
                region="XX-A",
                city="Sankt-Élan",
                county="",
                mission=NORTH.id,
                source="",
                alone=True,
            ),
            SplitCity(country="XX", region="XX-A", city="Twin", county="", mission=NORTH.id, source=""),
        ),
        closures=(
            Closure(
                mission=MissionId("cn-xx-old"),
                kind=MissionKind.CONSULATE,
                country="XX",
                city="Old",
                closed_on=CHANGE,
                successor=SOUTH.id,
                source="S1",
            ),
        ),
    )


def test_a_district_holds_on_its_first_and_last_day_and_not_around_them() -> None:
    row = district("cn-xx-north", "XX-A", date(2020, 1, 2), date(2020, 1, 4))
    assert [row.holds_on(date(2020, 1, day)) for day in (1, 2, 4, 5)] == [False, True, True, False]


def test_a_closed_mission_serves_nothing_even_in_its_own_time() -> None:
    assert directory().serving("XX-B", date(2020, 7, 23)) == ()
    assert [row.mission for row in directory().serving("XX-B", CHANGE)] == [SOUTH.id]


def test_the_closure_is_told_only_of_its_district_its_successor_and_after_the_day() -> None:
    found = directory().closure_of("XX-B", SOUTH.id, CHANGE)
    assert found is not None
    assert found.city == "Old"
    assert directory().closure_of("XX-B", NORTH.id, CHANGE) is None
    assert directory().closure_of("XX-A", SOUTH.id, CHANGE) is None
    assert directory().closure_of("XX-B", SOUTH.id, date(2020, 7, 23)) is None


def test_missions_to_organisations_are_not_missions_in_the_country() -> None:
    assert directory().missions_in("XX") == (NORTH, SOUTH)
    assert directory().mission(ASSEMBLY.id) is ASSEMBLY
    assert directory().seated_in("XX", "north") is NORTH


def test_a_city_is_found_in_its_region_and_alone_only_where_that_is_enough() -> None:
    book = directory()
    assert book.city("XX", "XX-A", "sankt elan") is not None
    assert book.city("XX", "XX-A", "Twin, XX") is not None
    assert book.city("XX", "XX-B", "Twin") is None
    assert book.city("XX", None, "Twin") is None
    assert book.city("XX", None, "SANKT ÉLAN") is not None


def test_a_territory_is_found_by_both_of_its_codes() -> None:
    book = directory()
    assert book.territory("YY") is book.territory("XX-I") is not None
    assert book.territory("XX") is None


def test_directories_can_stand_in_a_cache_key() -> None:
    one = directory()
    assert hash(one) == hash(one)
    assert one != directory()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SÃO PAULO", "sao-paulo"),
        ("St. John's", "saint johns"),
        ("Łódź", "lodz"),
        ("Ålesund", "alesund"),
        ("Straße", "strasse"),
        ("L.A.", "la"),
        ("서울", "서울"),
        ("ジュネーブ", "ジュネーブ"),
    ],
)
def test_spellings_meet_in_one_plain_form(one: str, other: str) -> None:
    assert plain(one) == plain(other)


def test_a_voiced_kana_stays_another_sign() -> None:
    assert plain("バリ") != plain("ハリ")


def test_a_typed_city_is_looked_up_without_its_state_and_its_title() -> None:
    assert city_spellings("City of Los Angeles, CA") == (
        "city of los angeles ca",
        "city of los angeles",
        "los angeles",
    )
    assert "new york" in city_spellings("New York City")
    assert city_spellings(" ") == ()
