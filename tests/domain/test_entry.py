"""What a supporter types, field by field. How the fields play together is tested with the intake."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.entry import LETTER_LENGTH, Unusable, letter_text, person_name, single_line, yes_or_no

LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


@given(st.text(max_size=200))
def test_a_single_line_is_one_line_of_visible_text_or_refused(text: str) -> None:
    try:
        line = single_line("city", text, longest=100)
    except Unusable:
        return
    assert len(line.splitlines()) <= 1
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in line)
    assert line == " ".join(line.split()) and len(line) <= 100
    assert unicodedata.is_normalized("NFC", line)
    assert single_line("city", line, longest=100) == line


@given(st.text(min_size=1, max_size=20), st.sampled_from(LINE_ENDS), st.text(min_size=1, max_size=20))
def test_a_line_end_inside_a_line_is_never_swallowed(before: str, end: str, after: str) -> None:
    with pytest.raises(Unusable):
        single_line("name", f"a{before}x{end}x{after}b", longest=100)


@given(st.text(max_size=300))
def test_a_letter_is_printable_text_with_plain_line_feeds_or_refused(text: str) -> None:
    try:
        letter = letter_text(text)
    except Unusable:
        return
    assert not set(letter) & set("\r\x00\x0b\x0c\x85\u2028\u2029\ufeff")
    assert letter.encode()
    assert letter_text(letter) == letter if letter.strip() else True


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("one\r\ntwo\rthree\u2028four\x85five", "one\ntwo\nthree\nfour\nfive"),
        ("\n\n  indented stays\n\n\n", "  indented stays"),
        ("tab\tstays", "tab\tstays"),
        ("e\u0301", "é"),
        ("\ufefffrom a file", "from a file"),
    ],
)
def test_a_letter_keeps_its_shape(typed: str, kept: str) -> None:
    assert letter_text(typed) == kept


@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x1b", "\x7f", "\x9f", "\ud800"])
def test_a_character_that_cannot_be_printed_is_told_with_its_line(sign: str) -> None:
    with pytest.raises(Unusable, match="Line 3"):
        letter_text(f"one\ntwo\nth{sign}ree")


def test_the_longest_letter_fits_and_one_more_does_not() -> None:
    assert len(letter_text("x" * LETTER_LENGTH)) == LETTER_LENGTH
    with pytest.raises(Unusable, match="20,001"):
        letter_text("x" * (LETTER_LENGTH + 1))


def test_megabytes_are_refused_without_being_looked_through() -> None:
    started = time.process_time()
    for check in (person_name, letter_text):
        with pytest.raises(Unusable):
            check("é" * 20_000_000)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("name", ["Jane", "김민수", "O’Brien", "J.", "X Æ A-12", "d'Arc", "Mary Ann " * 10])
def test_a_name_is_taken(name: str) -> None:
    assert person_name(name) == name.strip()


@pytest.mark.parametrize(
    "name", ["", " ", "42", "!!!", "http://x.example", "see www.x.example", "a" * 101, "Jane\u202e"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(Unusable) as raised:
        person_name(name)
    assert raised.value.problem.field == "name"
    assert not name.strip() or name not in raised.value.problem.message


@pytest.mark.parametrize(
    ("word", "meaning"), [("", False), ("No", False), ("0", False), ("YES", True), (" x ", True)]
)
def test_yes_and_no_are_understood(word: str, meaning: bool) -> None:
    assert yes_or_no("shielded", word) is meaning


def test_other_words_are_neither_yes_nor_no() -> None:
    with pytest.raises(Unusable, match="shielded"):
        yes_or_no("shielded", "perhaps")
