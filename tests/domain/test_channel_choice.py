"""Which contact of a mission is chosen, and what is said of the others."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dispatcher.domain.channel_choice import choose_channels, dated, is_webmail, role_rank
from dispatcher.domain.mission import (
    Contact,
    ContactKind,
    Grade,
    Health,
    Mission,
    MissionId,
    MissionKind,
    RoleRank,
)


def contact(value: str, *, kind: ContactKind = ContactKind.EMAIL, **more: Any) -> Contact:
    base = Contact(
        mission=MissionId("cn-xx-town"),
        kind=kind,
        value=value,
        role="main",
        grade=Grade.B,
        source="S1",
        as_of="2024",
    )
    return replace(base, **more)


def mission(*contacts: Contact) -> Mission:
    return Mission(
        id=MissionId("cn-xx-town"),
        kind=MissionKind.EMBASSY,
        country="XX",
        country_name="Exland",
        region=None,
        city="Town",
        time_zone="UTC",
        name="Embassy in Town",
        contacts=contacts,
    )


def chosen(*contacts: Contact, **rules: Any) -> list[str]:
    defaults: dict[str, Any] = {"least_grade": Grade.C, "webmail": True}
    choices, _ = choose_channels(mission(*contacts), **(defaults | rules))
    return [choice.contact.value for choice in choices]


def why(one: Contact, *others: Contact, **rules: Any) -> str:
    defaults: dict[str, Any] = {"least_grade": Grade.C, "webmail": True}
    _, considered = choose_channels(mission(one, *others), **(defaults | rules))
    return next(entry.why for entry in considered if entry.contact is one)


@pytest.mark.parametrize(
    ("role", "rank"),
    [
        ("main", RoleRank.FRONT_OFFICE),
        ("chancery", RoleRank.FRONT_OFFICE),
        ("political and media office", RoleRank.FRONT_OFFICE),
        ("Press", RoleRank.FRONT_OFFICE),
        ("consular", RoleRank.CONSULAR),
        ("consular section", RoleRank.CONSULAR),
        ("visa office", RoleRank.CONSULAR),
        ("overseas Chinese office", RoleRank.CONSULAR),
        ("temporary office", RoleRank.CONSULAR),
        ("garden", RoleRank.OTHER),
        ("", RoleRank.OTHER),
        ("consular protection", RoleRank.NEVER),
        ("Consular Protection and main office", RoleRank.NEVER),
        ("duty phone", RoleRank.NEVER),
        ("emergencies", RoleRank.NEVER),
        ("24h hotline", RoleRank.NEVER),
        ("health-code service", RoleRank.NEVER),
        ("领保", RoleRank.NEVER),
    ],
)
def test_a_role_is_ranked_by_its_words(role: str, rank: RoleRank) -> None:
    assert role_rank(role) is rank


def test_channels_come_in_the_order_email_fax_paper() -> None:
    found = chosen(
        contact("1 Main Street", kind=ContactKind.ADDRESS),
        contact("+12024952138", kind=ContactKind.FAX),
        contact("a@mfa.gov.cn"),
    )
    assert found == ["a@mfa.gov.cn", "+12024952138", "1 Main Street"]


def test_the_front_office_comes_before_a_newer_and_better_consular_mailbox() -> None:
    consular = contact("consular@mfa.gov.cn", role="consular", grade=Grade.A, as_of="2026")
    assert chosen(consular, contact("main@mfa.gov.cn", grade=Grade.C, as_of="2011")) == ["main@mfa.gov.cn"]


def test_webmail_comes_last_whatever_its_role_and_grade() -> None:
    assert chosen(contact("a@gmail.com", grade=Grade.A), contact("z@mfa.gov.cn", role="garden")) == [
        "z@mfa.gov.cn"
    ]


@pytest.mark.parametrize("rules", [{"webmail": False}, {"shielded": True}])
def test_webmail_is_not_used_when_the_campaign_or_a_shield_forbids_it(rules: dict[str, object]) -> None:
    assert chosen(contact("a@gmail.com")) == ["a@gmail.com"]
    assert chosen(contact("a@gmail.com"), **rules) == []
    assert "webmail" in why(contact("a@gmail.com"), **rules)


@pytest.mark.parametrize(
    "mailbox", ["a@yahoo.co.jp", "b@163.com", "c@QQ.com", "d@seznam.cz", "e@daum.net", "f@hotmail.fr"]
)
def test_public_providers_are_known(mailbox: str) -> None:
    assert is_webmail(mailbox)
    assert not is_webmail("chinaemb_us@mfa.gov.cn")


def test_grade_then_age_decide_between_equal_roles() -> None:
    a, b = (
        contact("a@mfa.gov.cn", grade=Grade.B, as_of="2026"),
        contact("b@mfa.gov.cn", grade=Grade.A, as_of="2011"),
    )
    assert chosen(a, b) == ["b@mfa.gov.cn"]
    old, new = contact("a@mfa.gov.cn", as_of="2011"), contact("z@mfa.gov.cn", as_of="2021-07")
    undated = contact("0@mfa.gov.cn", as_of="undated, about 2024")
    assert chosen(undated, old, new) == ["z@mfa.gov.cn"]
    assert chosen(undated, old) == ["a@mfa.gov.cn"]


def test_what_a_person_checked_comes_before_a_better_grade() -> None:
    checked = contact("z@mfa.gov.cn", grade=Grade.C, as_of="2006", health=Health.VERIFIED)
    assert chosen(contact("a@mfa.gov.cn", grade=Grade.A), checked) == ["z@mfa.gov.cn"]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (contact("a@mfa.gov.cn", health=Health.DEAD), "came back"),
        (contact("a@mfa.gov.cn", used=False, note="only found in a program's test data"), "test data"),
        (contact("a@mfa.gov.cn", valid=False), "not well formed"),
        (contact("a@mfa.gov.cn", role="consular protection"), "citizens in distress"),
        (contact("+4930275880", kind=ContactKind.PHONE), "telephone"),
    ],
)
def test_an_unfit_contact_is_never_used_and_says_why(one: Contact, words: str) -> None:
    assert chosen(one) == []
    assert words in why(one)


def test_the_least_grade_drops_worse_ones_and_says_so() -> None:
    copied = contact("a@mfa.gov.cn", grade=Grade.C)
    assert chosen(copied, least_grade=Grade.C) == ["a@mfa.gov.cn"]
    assert chosen(copied, least_grade=Grade.B) == []
    assert "grade C" in why(copied, least_grade=Grade.B)


def test_the_second_best_is_in_reserve_and_names_its_better() -> None:
    best, second = contact("a@mfa.gov.cn"), contact("b@mfa.gov.cn", role="consular")
    assert why(best, second).startswith("Used")
    assert why(second, best).startswith("In reserve")
    assert "role 'main'" in why(second, best)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024", date(2024, 1, 1)),
        ("2021-07", date(2021, 7, 1)),
        ("2020-07-24", date(2020, 7, 24)),
        ("2023-2024", date(2023, 1, 1)),
        ("2020-04-20 to 2021-02-23", date(2020, 4, 20)),
        ("undated, about 2016", None),
        ("", None),
    ],
)
def test_the_free_dates_of_sources_are_read_by_their_first_day(text: str, day: date | None) -> None:
    assert dated(text) == day
