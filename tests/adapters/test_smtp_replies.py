"""What the relay says, however it is split."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.adapters.smtp_replies import LONGEST_LINE, LONGEST_REPLY, Replies, Reply

codes = st.integers(100, 999)
words = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)


@st.composite
def replies(draw: st.DrawFn) -> tuple[bytes, Reply]:
    """As bytes and as they are to be understood."""
    code = draw(codes)
    texts = [text.strip() for text in draw(st.lists(words, min_size=1, max_size=3))]
    end = draw(st.sampled_from(["\r\n", "\n"]))
    lines = [f"{code}-{text}" for text in texts[:-1]] + [f"{code} {texts[-1]}"]
    parts = [text.encode().strip() for text in texts]
    return "".join(line + end for line in lines).encode(), (code, b"\n".join(parts))


@settings(deadline=None)
@given(st.lists(replies(), max_size=8), st.data())
def test_the_replies_are_the_same_wherever_the_bytes_are_split(
    said: list[tuple[bytes, Reply]], data: st.DataObject
) -> None:
    stream = b"".join(raw for raw, _ in said)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    reader = Replies()
    heard: list[Reply] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        if start != end:
            heard += reader.take(stream[start:end])
    assert heard == [reply for _, reply in said]
    assert reader.garbled is None
    assert not reader.unfinished


@settings(deadline=None)
@given(st.binary(max_size=200), st.data())
def test_whatever_comes_is_understood_alike_in_one_piece_and_byte_by_byte(
    stream: bytes, data: st.DataObject
) -> None:
    whole, bytewise = Replies(), Replies()
    at_once = whole.take(stream)
    one_by_one: list[Reply] = []
    for position in range(len(stream)):
        one_by_one += bytewise.take(stream[position : position + 1])
        if bytewise.garbled is not None:
            break
    assert at_once == one_by_one
    assert (whole.garbled is None) == (bytewise.garbled is None)


@pytest.mark.parametrize(
    "line",
    [
        b"no code",
        b"25 two",
        b"2500 four",
        b"-250 ok",
        b"",
        b" 250 ok",
        b"250_ok",
        b"099 low",
        b"\xff\xfe",
        b"\xb2\xb3\xb4 x",
    ],
)
def test_what_is_no_reply_is_garbled_and_what_came_before_it_counts(line: bytes) -> None:
    reader = Replies()
    assert reader.take(b"250 first\r\n" + line + b"\r\n250 last\r\n") == [(250, b"first")]
    assert reader.garbled == line + b"\r"


def test_lines_of_one_reply_with_two_codes_are_garbled() -> None:
    reader = Replies()
    assert reader.take(b"250-yes\r\n550 no\r\n") == []
    assert reader.garbled == b"550 no\r"


def test_a_code_alone_is_a_reply() -> None:
    assert Replies().take(b"354\r\n250\n") == [(354, b""), (250, b"")]


def test_a_known_line_inside_a_longer_reply_is_its_end() -> None:
    reader = Replies()
    assert reader.take(b"250 ok\r\n") == [(250, b"ok")]
    assert reader.take(b"250-not yet\r\n250 ok\r\n250 ok\r\n") == [(250, b"not yet\nok"), (250, b"ok")]


def test_an_endless_line_and_an_endless_reply_are_garbled() -> None:
    reader = Replies()
    reader.take(b"2" * (LONGEST_LINE + 1))
    assert reader.garbled is not None
    reader = Replies()
    while reader.garbled is None:
        assert reader.take(b"250-and more\r\n" * 100) == []
        assert reader._size < 2 * LONGEST_REPLY
