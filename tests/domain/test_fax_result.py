import pytest

from dispatcher.domain.fax_result import CallEnd, t30_result


@pytest.mark.parametrize(
    ("code", "pages", "confirmed", "end"),
    [
        (0, 3, 3, CallEnd.DELIVERED),
        (0, 3, 1, CallEnd.PARTIAL),
        (2, 3, 0, CallEnd.NO_FAX),
        (6, 1, 0, CallEnd.LINE_ERROR),
        (9, 1, 0, CallEnd.REJECTED),
        (21, 3, 0, CallEnd.LINE_ERROR),
        (21, 3, 1, CallEnd.PARTIAL),
        (43, 1, 0, CallEnd.OUR_SIDE),
        (999, 1, 0, CallEnd.UNKNOWN),
    ],
)
def test_the_end_of_a_call_has_one_class(code: int, pages: int, confirmed: int, end: CallEnd) -> None:
    result = t30_result(code, pages=pages, confirmed=confirmed)
    assert (result.end, result.pages_sent, result.pages_confirmed) == (end, pages, confirmed)


@pytest.mark.parametrize(("pages", "confirmed"), [(1, 0), (3, 2)])
def test_silence_after_the_last_page_is_not_known_to_be_a_failure(pages: int, confirmed: int) -> None:
    assert t30_result(21, pages=pages, confirmed=confirmed).end is CallEnd.UNKNOWN


def test_it_is_told_in_one_sentence_how_many_pages_arrived() -> None:
    words = t30_result(21, pages=3, confirmed=1).words
    assert words == "The far machine fell silent after a page; 1 of 3 pages confirmed."
    assert t30_result(6, pages=1, confirmed=0).words.endswith("0 of 1 page confirmed.")
