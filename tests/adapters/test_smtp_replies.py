"""What the relay says, however it is split."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.adapters.smtp_replies import LONGEST_LINE, LONGEST_REPLY, MOST_KNOWN, Replies, Reply

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


IN_STEP = (250, 250, 354)
GO_AHEAD = b"250 sender\r\n250 recipient\r\n354 go on\r\n"


def heard_in_step(reader: Replies, data: bytes) -> list[Reply]:
    """As a line hears it. A packet that is taken in step stands for four replies."""
    text = reader.take_in_step(data)
    return reader.take(data) if text is None else [(250, text), *Replies().take(GO_AHEAD)]


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.from_regex(rb"250 [a-z0-9. ]{0,9}\r?\n", fullmatch=True).map(lambda line: line + GO_AHEAD),
            st.sampled_from(
                [
                    b"250-two\r\n250 lines\r\n250 sender\r\n354 go on\r\n",
                    b"250\r\n" + GO_AHEAD,
                    b"550 no\r\n" + GO_AHEAD,
                    b"250 one\r\n" + GO_AHEAD + b"250 more\r\n",
                    b"250 one\r\n250 two\r\n550 sender\r\n503 first\r\n",
                    b"250-begun\r\n",
                    b"250 tor",
                    b"250 one\r\n" + GO_AHEAD[:-1],
                ]
            ),
        ),
        max_size=20,
    )
)
def test_what_was_read_before_is_understood_as_if_it_were_read_again(packets: list[bytes]) -> None:
    plain, quick = Replies(), Replies(IN_STEP)
    for packet in packets:
        assert heard_in_step(quick, packet) == plain.take(packet)
        assert (quick.garbled, quick.unfinished) == (plain.garbled, plain.unfinished)
        if plain.garbled is not None:
            break


def test_the_second_go_ahead_is_known_and_the_text_of_the_first_line_is_new() -> None:
    reader = Replies(IN_STEP)
    assert reader.take_in_step(b"250 queued as 1\r\n" + GO_AHEAD) is None
    reader.take(b"250 queued as 1\r\n" + GO_AHEAD)
    assert reader.take_in_step(b"250 queued as 2 \r\n" + GO_AHEAD) == b"queued as 2"
    assert Replies(IN_STEP[:2]).take_in_step(b"250 queued as 2\r\n" + GO_AHEAD) is None


@pytest.mark.parametrize(
    "behind",
    [
        b"250 sender\r\n550 no\r\n503 no\r\n",
        b"250 sender\r\n250 recipient\r\n354 go on\r\n250 more\r\n",
        b"250 sender\r\n250 recipient\r\n354 go on\r\n25",
        b"250 sender\r\n251 will forward\r\n354 go on\r\n",
        b"250-sender\r\n250 sender\r\n250 recipient\r\n354 go on\r\n",
    ],
)
def test_only_what_is_the_go_ahead_and_nothing_else_is_remembered(behind: bytes) -> None:
    reader = Replies(IN_STEP)
    reader.take(b"250 taken\r\n" + behind)
    assert reader.take_in_step(b"250 taken\r\n" + behind) is None


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    reader = Replies(IN_STEP)
    for number in range(3 * MOST_KNOWN):
        said = b"250 taken\r\n250 sender %d\r\n250 recipient\r\n354 go on\r\n" % number
        assert [code for code, _ in reader.take(said)] == [250, *IN_STEP]
    assert len(reader._in_step) == MOST_KNOWN
