"""Mail addresses: form only."""

import pytest

from dispatcher.adapters.mailboxes import mailbox_problem, normal_mailbox


@pytest.mark.parametrize("text", ["a@mfa.gov.cn", " Jane.Doe+x@Example.org ", "joerg@bücher.de"])
def test_a_well_formed_mailbox_has_no_problem(text: str) -> None:
    assert mailbox_problem(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a@",
        "@b.de",
        "a@@b.de",
        "a b@c.de",
        "a@b",
        "a@b..de",
        "a@[127.0.0.1]",
        "a@b.de\nBcc: c@d.de",
        "x" * 65 + "@b.de",
    ],
)
def test_a_malformed_mailbox_is_told_in_words(text: str) -> None:
    problem = mailbox_problem(text)
    assert problem
    assert len(problem) > 10


def test_a_name_beside_the_address_is_no_mailbox() -> None:
    assert mailbox_problem("Jane Doe <jane@example.org>") is not None


def test_one_mailbox_has_one_form() -> None:
    assert normal_mailbox(" Jane@EXAMPLE.org") == "jane@example.org"
    with pytest.raises(ValueError, match="@-sign"):
        normal_mailbox("jane")
