from datetime import timedelta

import pytest

from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.domain.delivery import DeliveryId, NewDelivery, Notice
from dispatcher.domain.returned_mail import MailId, MailKind, Reading
from dispatcher.services.store import StoreConflict
from tests.adapters.database.conftest import CAMPAIGN, Stock
from tests.installation import NOON, THE_HAGUE, TOKYO

SECRET = b"Subject: hello\r\n\r\nfrom Consul Li to Jane Doe\r\n"


def kept(
    store: DatabaseStore,
    delivery: DeliveryId | None,
    number: int = 1,
    *,
    status: str = "",
    kind: MailKind = MailKind.BOUNCED,
) -> MailId:
    with store.write() as work:
        return work.incoming.keep(
            SECRET,
            Reading(kind=kind, status=status, why="Because."),
            digest=f"{number:064x}",
            delivery=delivery,
            message_id=f"<{number}@x.example>",
            at=NOON,
        )


def test_a_mail_is_kept_and_found_again(store: DatabaseStore, stock: Stock) -> None:
    (row,) = stock.queued()
    id = kept(store, row, status="5.1.1")
    with store.read() as work:
        mail = work.incoming.get(id)
        assert mail is not None
        assert (mail.content, mail.kind, mail.status, mail.why) == (
            SECRET,
            MailKind.BOUNCED,
            "5.1.1",
            "Because.",
        )
        assert (mail.delivery, mail.received_at, mail.settled_at) == (row, NOON, None)
        assert work.incoming.known(f"{1:064x}") == id
        assert work.incoming.known(f"{2:064x}") is None
        assert work.incoming.get(MailId(id + 1)) is None


def test_the_database_itself_refuses_a_digest_twice(store: DatabaseStore) -> None:
    kept(store, None)
    with pytest.raises(StoreConflict):
        kept(store, None)


def test_words_stand_sealed_in_the_table(store: DatabaseStore) -> None:
    kept(store, None)
    with store.database.read() as connection:
        raw = bytes(connection.exec_driver_sql("SELECT content FROM incoming").scalar_one())
    assert b"Jane" not in raw


def test_what_is_settled_waits_no_more(store: DatabaseStore) -> None:
    first, second = kept(store, None, 1), kept(store, None, 2, kind=MailKind.UNSORTED)
    with store.write() as work:
        work.incoming.settle(first, at=NOON, by="Mina")
    with store.read() as work:
        assert [mail.id for mail in work.incoming.all(waiting=True)] == [second]
        assert [mail.id for mail in work.incoming.all(waiting=False)] == [second, first]
        assert [mail.id for mail in work.incoming.all(waiting=False, kind=MailKind.BOUNCED)] == [first]
        assert work.incoming.unapplied([MailKind.BOUNCED]) == []
        assert [mail.id for mail in work.incoming.unapplied([MailKind.UNSORTED])] == [second]


def test_soft_bounces_are_counted_by_mission_and_time(store: DatabaseStore, stock: Stock) -> None:
    here = stock.queued(5, mission=THE_HAGUE)
    (there,) = stock.queued(mission=TOKYO)
    for number, (row, status) in enumerate(
        [*zip(here, ("4.4.1", "5.2.2", "5.4.7", "5.1.1", ""), strict=True), (there, "4.4.1")]
    ):
        kept(store, row, number, status=status)
    kept(store, here[0], 99, status="4.4.1", kind=MailKind.DELAYED)
    with store.read() as work:
        assert work.incoming.soft_bounces(THE_HAGUE, NOON) == 3
        assert work.incoming.soft_bounces(TOKYO, NOON) == 1
        assert work.incoming.soft_bounces(THE_HAGUE, NOON + timedelta(seconds=1)) == 0


def test_deliveries_are_found_by_message_id(store: DatabaseStore, stock: Stock) -> None:
    first, second = stock.queued(2)
    names = [stock.get(id).message_id for id in (first, second)]
    with store.read() as work:
        found = work.incoming.deliveries_named([*names, "<nobody@x.example>"])
    assert {name: row.id for name, row in found.items()} == dict(zip(names, (first, second), strict=True))


def test_a_letter_has_every_mail_about_any_of_its_deliveries(store: DatabaseStore, stock: Stock) -> None:
    first, other = stock.queued(2)
    mine = [kept(store, first, 1), kept(store, first, 2)]
    kept(store, other, 3)
    with store.read() as work:
        assert [mail.id for mail in work.incoming.of_letter(stock.get(first).letter)] == mine
        assert work.incoming.seen_before(first, "<1@x.example>", but=mine[1])
        assert not work.incoming.seen_before(first, "<1@x.example>", but=mine[0])
        assert not work.incoming.seen_before(other, "<1@x.example>", but=mine[0])
        assert not work.incoming.seen_before(first, "", but=mine[0])


def test_erasing_a_letter_erases_the_words_of_its_mail(store: DatabaseStore, stock: Stock) -> None:
    first, other = stock.queued(2)
    mine, theirs = kept(store, first, 1), kept(store, other, 2)
    with store.write() as work:
        work.letters.erase([stock.get(first).letter], at=NOON)
    with store.read() as work:
        contents = [mail.content for id in (mine, theirs) if (mail := work.incoming.get(id))]
    assert contents == [None, SECRET]


def test_a_letter_can_have_several_answers_but_one_receipt(store: DatabaseStore, stock: Stock) -> None:
    (letter,) = stock.letters()

    def add(kind: Notice, number: int) -> None:
        new = NewDelivery(
            letter=letter, campaign=CAMPAIGN, due_at=NOON, message_id=f"<{number}@y.example>", notice=kind
        )
        with store.write() as work:
            work.outbox.add([new], at=NOON, by="test")

    add(Notice.ANSWER, 1)
    add(Notice.ANSWER, 2)
    add(Notice.RECEIPT, 3)
    with pytest.raises(StoreConflict):
        add(Notice.RECEIPT, 4)
