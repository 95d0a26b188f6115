"""Telephone and fax numbers: form and numbering plan."""

import pytest

from dispatcher.adapters.telephone_numbers import normal_number, number_problem, readable_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+49 30 27588221", "+493027588221"),
        ("+1 (202) 495-2138", "+12024952138"),
        ("+81-3-3403-5447", "+81334035447"),
    ],
)
def test_a_number_with_its_country_code_is_read(text: str, number: str) -> None:
    assert number_problem(text) is None
    assert normal_number(text) == number


def test_a_national_number_needs_its_country() -> None:
    assert number_problem("030 27588221") is not None
    assert number_problem("030 27588221", "DE") is None
    assert normal_number("030 27588221", "DE") == "+493027588221"


@pytest.mark.parametrize(
    ("text", "words"), [("fax", "not a telephone number"), ("+120255", "too short"), ("", "not a")]
)
def test_what_is_no_number_is_told_in_words(text: str, words: str) -> None:
    problem = number_problem(text)
    assert problem is not None
    assert words in problem


def test_a_number_outside_the_plan_passes_only_where_the_length_is_enough() -> None:
    assert number_problem("+12001234567") is not None
    assert number_problem("+12001234567", strict=False) is None


def test_numbers_are_shown_with_gaps() -> None:
    assert readable_number("+493027588221") == "+49 30 27588221"
    assert readable_number("none") == "none"


def test_a_word_has_no_normal_form() -> None:
    with pytest.raises(ValueError, match="not a telephone number"):
        normal_number("fax")
