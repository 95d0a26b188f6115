"""The sum of the letters, without a database."""

from dispatcher.domain.balance import Balance, LetterRow, OutboxRow


def balance(letters: list[LetterRow], deliveries: list[OutboxRow], highest: int = 5) -> Balance:
    found = Balance(highest_letter=highest)
    assert list(found.letters(letters)) == [(id, state) for id, state, _ in letters]
    assert list(found.deliveries(deliveries)) == [(row[0], row[1]) for row in deliveries]
    return found


def test_a_letter_counts_once_by_its_latest_delivery() -> None:
    found = balance(
        [(1, "dispatched", True), (2, "approved", True), (3, "submitted", False)],
        [
            (1, "bounced", "letter", 1, "m", "email"),
            (2, "queued", "letter", 2, "n", "email"),
            (3, "accepted", "letter", 1, "m", "fax"),
            (4, "accepted", "notice", 1, None, None),
        ],
    )
    assert found.approved == 2
    assert found.totals() == [("m", "fax", "accepted", 1), ("n", "email", "queued", 1)]
    assert not [*found.approved_without_delivery(), *found.delivered_without_approval(), *found.sent_twice()]


def test_what_does_not_add_up_is_named() -> None:
    found = balance(
        [(1, "approved", True), (2, "rejected", False), (3, "dispatched", True)],
        [
            (1, "held", "letter", 2, None, None),
            (2, "accepted", "letter", 3, "m", "email"),
            (3, "delivered", "letter", 3, "m", "fax"),
            (4, "queued", "letter", 99, "m", "fax"),
        ],
    )
    assert list(found.approved_without_delivery()) == [1]
    assert list(found.delivered_without_approval()) == [2]
    assert list(found.sent_twice()) == [3]
    assert found.homeless == [4]


def test_who_says_dispatched_needs_a_delivery_that_was_taken() -> None:
    found = balance(
        [(id, "dispatched" if id < 4 else "approved", True) for id in range(1, 7)],
        [
            (1, "accepted", "letter", 1, "m", "email"),
            (2, "queued", "letter", 2, "m", "fax"),
            (3, "accepted", "notice", 3, None, None),
            (4, "bounced", "letter", 4, "m", "email"),
            (5, "failed", "letter", 5, "m", "email"),
            (6, "failed", "letter", 6, "m", "email"),
        ],
        highest=6,
    )
    of_the_log = bytearray(7)
    of_the_log[4] = of_the_log[5] = 1
    assert found.untaken(of_the_log) == [2, 3, 5]
