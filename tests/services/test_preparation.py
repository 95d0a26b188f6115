"""Letters become the bytes that will be sent, before the day."""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from dispatcher.domain.delivery import DeliveryState
from dispatcher.services.preparation import place_line
from dispatcher.services.stationery import LetterContent, Rendered
from dispatcher.services.store import LogFilter
from tests.installation import NOON, REFUSED, WEEK_BEFORE, Installation, ScriptedTransport

D = DeliveryState
PDF = b"%PDF-1.7 " + bytes(range(256)) * 40
# A Hittite hieroglyph: no shipped font has it.
NO_GLYPH = "\U00014646"


def rendered(home: Installation, letter: int) -> Rendered:
    with home.house.store.read() as work:
        (row,) = work.outbox.log(LogFilter(letter=letter))
        assert row.delivery.rendering is not None
        return work.outbox.content([row.delivery.rendering])[row.delivery.rendering]


def test_bytes_are_stored_with_their_digest_and_without_a_date(home: Installation) -> None:
    (id,) = home.take()
    assert home.delivery(id).rendering is None
    assert home.prepare() == 1
    found = rendered(home, id)
    assert found.digest == hashlib.sha256(found.content).hexdigest()
    assert (found.media_type, found.pages) == ("message/rfc822", None)
    assert not re.search(rb"^Date:", found.content, re.MULTILINE)
    assert home.delivery(id).message_id.encode() in found.content


def test_a_fax_and_a_printed_letter_are_pages(home: Installation) -> None:
    (fax,), (paper,) = home.take(country="US", region="US-NY"), home.take(first=2, country="IS")
    home.prepare()
    for id, media_type, begins in ((fax, "image/tiff", b"II*"), (paper, "application/pdf", b"%PDF")):
        found = rendered(home, id)
        assert (found.media_type, found.pages) == (media_type, 1)
        assert found.content.startswith(begins)
        assert found.digest == hashlib.sha256(found.content).hexdigest()


def test_what_is_rendered_is_not_rendered_again(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    before = home.delivery(id).rendering
    assert home.prepare() == 0
    assert home.delivery(id).rendering == before


def test_the_soonest_due_are_rendered_first(home: Installation) -> None:
    late, soon = home.take(2)
    with home.house.store.write() as work:
        work.outbox.reschedule({home.delivery(soon).id: WEEK_BEFORE}, any_hour=False)
    assert home.house.preparation.prepare(1) == 1
    assert home.delivery(soon).rendering is not None
    assert home.delivery(late).rendering is None


def test_a_letter_that_no_font_can_print_is_held_with_the_character_named(home: Installation) -> None:
    (bad,) = home.take(country="US", region="US-NY", letter=f"Your Excellency,\n\nplease {NO_GLYPH} help.")
    (good,) = home.take(first=2, country="US", region="US-NY")
    home.prepare()
    held = home.delivery(bad)
    assert (held.state, held.reason, held.rendering) == (D.HELD, "cannot_typeset", None)
    with home.house.store.read() as work:
        note = work.outbox.moves(held.id)[-1].note or ""
    assert NO_GLYPH in note or "14646" in note.upper()
    assert home.delivery(good).rendering is not None
    assert home.audit().ok


def test_a_mail_needs_no_font(home: Installation) -> None:
    (id,) = home.take(letter=f"Your Excellency,\n\nplease {NO_GLYPH} help.")
    home.prepare()
    assert home.delivery(id).state is D.QUEUED and home.delivery(id).rendering is not None


def test_an_enclosure_is_kept_once_for_all_letters(install: Callable[..., Installation]) -> None:
    home = install(enclosures=[("note.pdf", PDF)])
    home.take(30)
    home.prepare()
    home.take(5, first=100)
    home.prepare()
    database = home.database
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM enclosures")).scalar() == 1
        largest = connection.execute(text("SELECT max(length(content)) FROM renderings")).scalar()
    assert largest is not None and largest < len(PDF)
    digest = hashlib.sha256(PDF).hexdigest()
    with home.house.store.read() as work:
        (part,) = work.enclosures.get([digest, "f" * 64]).values()
    assert (part.name, part.digest) == ("note.pdf", digest)


def test_a_letter_that_is_taken_back_while_it_is_rendered_stays_taken_back(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (id,) = home.take()
    write = home.house.preparation.mail.render_email

    def meanwhile(content: LetterContent, *, recipient: str) -> Rendered:
        home.house.confirmation.withdraw(id)
        return write(content, recipient=recipient)

    monkeypatch.setattr(home.house.preparation.mail, "render_email", meanwhile)
    home.prepare()
    assert (home.delivery(id).state, home.delivery(id).rendering) == (D.CANCELLED, None)
    assert home.audit().ok


def test_the_next_channel_is_rendered_when_it_opens(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    home.work(home.courier(ScriptedTransport(answer=lambda _: REFUSED)), NOON)
    assert home.delivery(id).rendering is None
    assert home.prepare() == 1
    assert home.delivery(id).rendering is not None


def test_a_shielded_letter_names_neither_the_writer_nor_their_mailbox(home: Installation) -> None:
    (id,) = home.take(shielded="yes", city="Delft", organisation="Choir", name="Roswitha Vogelsang")
    home.prepare()
    content = rendered(home, id).content
    for secret in (b"Roswitha", b"Vogelsang", b"jane.doe", b"Delft", b"Choir"):
        assert secret not in content
    assert b"R. V." in content


@pytest.mark.parametrize("engine_name", ["sqlite"])
@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"country": "US", "region": "US-TX", "city": "Houston"}, "Houston, Texas, United States"),
        ({"country": "US", "region": "US-NY", "city": "New York"}, "New York, United States"),
        ({"country": "NL", "city": ""}, "Netherlands"),
    ],
)
def test_a_place_is_named_with_the_country_last_and_nothing_twice(
    home: Installation, fields: dict[str, Any], line: str
) -> None:
    letter = home.letter(home.submit(**fields))
    assert place_line(letter, home.house.preparation.places) == line


def test_a_confirmation_says_until_when_its_link_is_good(home: Installation) -> None:
    home.submit(language="en")
    home.prepare()
    transport = ScriptedTransport()
    home.work(home.courier(transport))
    (parcel,) = transport.sent
    expires = WEEK_BEFORE + timedelta(days=7)
    assert f"{expires.day} September 2027".encode() in parcel.content
