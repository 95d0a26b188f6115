"""Organizers sign in by a one-time link."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from dispatcher.services.organizers import Role
from dispatcher.services.sign_in import (
    LINK_LIFE,
    SESSION_LIFE,
    NoSuchOrganizer,
    OrganizerKnown,
    form_mark,
)
from tests.installation import WEEK_BEFORE, Installation


@pytest.fixture
def link(home: Installation) -> str:
    home.house.sign_in.add("Mina", Role.MODERATOR)
    return home.house.sign_in.link("Mina")


def test_a_link_opens_one_session(home: Installation, link: str) -> None:
    entered = home.house.sign_in.enter(link)
    assert entered is not None
    session, mina = entered
    assert (mina.name, mina.role) == ("Mina", Role.MODERATOR)
    assert home.house.sign_in.who(session) == mina
    assert home.house.sign_in.who(session) == mina
    assert home.house.sign_in.enter(link) is None


def test_a_link_is_good_for_an_hour(home: Installation, link: str) -> None:
    home.clock.move_to(WEEK_BEFORE + LINK_LIFE)
    assert home.house.sign_in.enter(link) is None


def test_a_session_lasts_the_action_day_around_the_world_and_not_for_ever(
    home: Installation, link: str
) -> None:
    home.clock.move_to(WEEK_BEFORE + LINK_LIFE - timedelta(seconds=1))
    entered = home.house.sign_in.enter(link)
    assert entered is not None
    begun = home.clock.now()
    home.clock.move_to(begun + SESSION_LIFE - timedelta(seconds=1))
    assert home.house.sign_in.who(entered[0]) is not None
    home.clock.move_to(begun + SESSION_LIFE)
    assert home.house.sign_in.who(entered[0]) is None


def test_a_link_is_no_session_and_a_session_no_link(home: Installation, link: str) -> None:
    assert home.house.sign_in.who(link) is None
    entered = home.house.sign_in.enter(link)
    assert entered is not None
    assert home.house.sign_in.enter(entered[0]) is None


def test_leaving_ends_the_session(home: Installation, link: str) -> None:
    entered = home.house.sign_in.enter(link)
    assert entered is not None
    home.house.sign_in.leave(entered[0])
    assert home.house.sign_in.who(entered[0]) is None


def test_a_disabled_organizer_is_out_at_once(home: Installation, link: str) -> None:
    entered = home.house.sign_in.enter(link)
    assert entered is not None
    unused = home.house.sign_in.link("Mina")
    home.house.sign_in.disable("Mina")
    assert home.house.sign_in.who(entered[0]) is None
    assert home.house.sign_in.enter(unused) is None
    with pytest.raises(NoSuchOrganizer, match="Mina"):
        home.house.sign_in.link("Mina")
    assert [each.disabled for each in home.house.sign_in.all()] == [True]


def test_names_are_given_once_and_must_be_known(home: Installation, link: str) -> None:
    with pytest.raises(OrganizerKnown):
        home.house.sign_in.add("Mina", Role.ADMIN)
    for unknown in (home.house.sign_in.link, home.house.sign_in.disable):
        with pytest.raises(NoSuchOrganizer):
            unknown("Nobody")


def test_a_stolen_database_opens_no_session(home: Installation, link: str) -> None:
    entered = home.house.sign_in.enter(link)
    assert entered is not None
    database = home.database
    with database.read() as connection:
        kept = "".join(str(row) for row in connection.execute(text("SELECT * FROM keys")))
    assert link not in kept and entered[0] not in kept
    for row in kept.split("'"):
        assert home.house.sign_in.who(row) is None


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "../..", "\x00"])
def test_other_words_open_nothing(home: Installation, link: str, token: str) -> None:
    assert home.house.sign_in.enter(token) is None
    assert home.house.sign_in.who(token) is None


def test_the_mark_of_the_forms_belongs_to_one_session() -> None:
    assert form_mark("a") == form_mark("a") != form_mark("b")
