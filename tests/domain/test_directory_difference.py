"""What an import says that it would change."""

from dataclasses import replace
from datetime import date

from dispatcher.domain.directory import Directory, Jurisdiction
from dispatcher.domain.directory_difference import compare
from dispatcher.domain.mission import (
    Contact,
    ContactId,
    ContactKind,
    Grade,
    Health,
    Mission,
    MissionId,
    MissionKind,
)

MAILBOX = Contact(
    mission=MissionId("cn-xx-town"),
    kind=ContactKind.EMAIL,
    value="a@mfa.gov.cn",
    role="main",
    grade=Grade.B,
    source="S1",
    as_of="2024",
)
TOWN = Mission(
    id=MissionId("cn-xx-town"),
    kind=MissionKind.EMBASSY,
    country="XX",
    country_name="Exland",
    region=None,
    city="Town",
    time_zone="UTC",
    name="Embassy",
    contacts=(MAILBOX,),
)
ROW = Jurisdiction(mission=TOWN.id, country="XX", region="XX-A", region_name="Alpha", source="S1")
OLD = Directory(missions=(TOWN,), jurisdictions=(ROW,))


def test_two_readings_of_the_same_rows_differ_in_nothing() -> None:
    found = compare(OLD, Directory(missions=(replace(TOWN),), jurisdictions=(replace(ROW),)))
    assert not found
    assert found.lines() == ["nothing changes"]


def test_missions_that_come_and_go_are_named() -> None:
    other = replace(TOWN, id=MissionId("cn-yy-city"), contacts=())
    found = compare(OLD, Directory(missions=(other,), jurisdictions=(ROW,)))
    assert found.missions_added == ("cn-yy-city",)
    assert found.missions_removed == ("cn-xx-town",)
    assert found.contacts_removed == (MAILBOX,)
    assert "mission added: cn-yy-city" in found.lines()


def test_a_changed_field_is_shown_before_and_after() -> None:
    moved = replace(TOWN, city="Port", weekend=frozenset({5, 6}))
    found = compare(OLD, Directory(missions=(moved,), jurisdictions=(ROW,)))
    assert found.missions_changed[0].what == ("city: Town -> Port", "weekend: 6, 7 -> 5, 6")
    assert not found.contacts_changed


def test_a_contact_whose_grade_changed_is_changed_and_not_new() -> None:
    better = replace(TOWN, contacts=(replace(MAILBOX, grade=Grade.A),))
    found = compare(OLD, Directory(missions=(better,), jurisdictions=(ROW,)))
    assert found.contacts_changed[0].what == ("grade: B -> A",)
    assert not found.contacts_added
    assert not found.missions_changed


def test_what_the_service_learned_of_a_contact_is_no_change() -> None:
    known = replace(TOWN, contacts=(replace(MAILBOX, id=ContactId(7), health=Health.VERIFIED),))
    assert not compare(Directory(missions=(known,), jurisdictions=(ROW,)), OLD)


def test_a_district_that_ends_is_shown_with_its_day() -> None:
    ended = replace(ROW, valid_until=date(2024, 6, 28))
    found = compare(OLD, Directory(missions=(TOWN,), jurisdictions=(ended,)))
    assert found.districts == (
        "district removed: XX-A Alpha: cn-xx-town (S1)",
        "district added: XX-A Alpha: cn-xx-town until 2024-06-28 (S1)",
    )
