"""Letters as PDF: nine languages, the same bytes twice, no missing glyph unseen, typst code stays text."""

import hashlib
import io
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from dispatcher.adapters.missing_glyphs import CannotTypeset
from dispatcher.adapters.press import Press
from dispatcher.adapters.typesetting import TypesettingFailed, TypstTypesetter, page_of
from dispatcher.domain.campaign import LANGUAGES, ActionDayRule, Campaign, CampaignId, Enclosure, Letterhead
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.mission import Mission, MissionId, MissionKind
from dispatcher.services.stationery import LetterContent, LogoUnusable, PageOrder, Rendered
from dispatcher.shelf import resource

CAMPAIGN = Campaign(
    id=CampaignId("day"),
    name="Refugees Day",
    summary="",
    action_day=ActionDayRule(month=9, day=24),
    addressee=("The President", "in care of the Head of Mission"),
    from_name="Refugees Day",
    from_address="letters@campaign.example",
    bounce_domain="campaign.example",
    letterhead=Letterhead(name="Refugees Day", lines=("12 Harbour Street",), email="office@campaign.example"),
    samples={},
)
BERLIN = Mission(
    id=MissionId("cn-de-berlin"),
    kind=MissionKind.EMBASSY,
    country="DE",
    country_name="Germany",
    region=None,
    city="Berlin",
    time_zone="Europe/Berlin",
    name="Embassy of China in Germany",
)
LETTER = LetterContent(
    action_day=date(2027, 9, 24),
    campaign=CAMPAIGN,
    mission=BERLIN,
    language="en",
    subject="A request",
    text="Your Excellency,\n\nplease.\n\nRespectfully,",
    writer_name="Jane Doe",
    organisation="",
    place_line="Houston, Texas, United States",
    shielded=False,
    reply_to="jane@example.org",
    message_id="<1.2@campaign.example>",
    reference="Letter K7Q2-94MX",
)
DAY = "24 September 2026"
NAMES = {
    "ko": "김민수",
    "ja": "髙橋 太郎",
    "zh": "王小明",
    "es": "José Núñez",
    "de": "Jürgen Weiß",
    "pt": "João Conceição",
}


class Desk:
    """One letter at a time."""

    def __init__(self) -> None:
        self.press = Press(cores=1)

    def render_pdf(self, content: LetterContent, day_line: str) -> Rendered:
        (answer,) = self.press.render([PageOrder(content=content, day_line=day_line)])
        if isinstance(answer, DispatcherError):
            raise answer
        return answer


@pytest.fixture(scope="module")
def typesetter() -> Desk:
    return Desk()


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    text = "\n".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    return text.replace("\r\n", "\n")


def squeezed(text: str) -> str:
    """Without blanks and line ends: where lines break and how scripts are spaced is the page's matter."""
    return "".join(text.replace("\ufffe", "").split())


def samples() -> dict[str, dict[str, str]]:
    """The letters of the campaign that is shipped."""
    letters: dict[str, dict[str, str]] = {}
    for path in sorted(resource("config", "campaigns").glob("*.toml")):
        letters |= tomllib.loads(path.read_text("utf-8")).get("letters", {})
    return letters


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sample_letter_of_every_language_is_one_page_with_every_word(
    language: str, typesetter: Desk
) -> None:
    sample = samples()[language]
    letter = replace(
        LETTER,
        language=language,
        subject=sample["subject"],
        text=sample["text"],
        writer_name=NAMES.get(language, "Élodie Lefèvre"),
    )
    rendered = typesetter.render_pdf(letter, DAY)
    assert rendered.pages == 1
    printed = squeezed(text_of(rendered.content))
    for expected in (sample["subject"], letter.writer_name, LETTER.reference, DAY, BERLIN.name, "24 IX"):
        assert squeezed(expected) in printed
    # A word broken at its own hyphen loses it to PDFium's text extraction.
    assert squeezed(sample["text"]).replace("-", "") in printed.replace("-", "")


def test_the_same_letter_gives_the_same_bytes_even_from_another_typesetter(
    typesetter: Desk,
) -> None:
    first = typesetter.render_pdf(LETTER, DAY)
    typesetter.render_pdf(replace(LETTER, text="between"), DAY)
    assert typesetter.render_pdf(LETTER, DAY) == first
    assert TypstTypesetter().set(page_of(LETTER, DAY)) == (first.content, first.pages)
    assert first.digest == hashlib.sha256(first.content).hexdigest()
    assert typesetter.render_pdf(replace(LETTER, text="other"), DAY).digest != first.digest


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("smile \U0001f600", ("U+1F600",)),
        ("ไทย", ("U+0E17", "U+0E22", "U+0E44")),
        ("سلام", ("U+0633",)),
        ("nul \0", ("U+0000",)),
        ("half \ud83d", ("U+D83D",)),
    ],
)
def test_a_character_without_a_glyph_is_named(text: str, named: tuple[str, ...], typesetter: Desk) -> None:
    with pytest.raises(CannotTypeset) as caught:
        typesetter.render_pdf(replace(LETTER, text=text), DAY)
    assert all(each in str(caught.value) for each in named)
    assert "Jane" not in str(caught.value)
    typesetter.render_pdf(LETTER, DAY)  # and the next letter is none the worse for it


def test_invisible_characters_do_not_stop_a_letter(typesetter: Desk) -> None:
    text = "\ufeffa\u200bb\u200d c\u2060 \ufeff d\u00ade\tf\r\ng\u2028h"
    assert typesetter.render_pdf(replace(LETTER, text=text, writer_name="\ufeffJane"), DAY).pages == 1


@pytest.mark.parametrize(
    "code",
    [
        '#read("/etc/hostname")',
        "*bold* _it_ = H",
        "$x^2$ @ref <lab>",
        "// c /* d */",
        "#sys.inputs",
        "-- --- ... 'q'",
    ],
)
def test_typst_code_in_a_letter_stays_text(code: str, typesetter: Desk) -> None:
    letter = replace(LETTER, text=code, subject=code, writer_name=code)
    assert squeezed(text_of(typesetter.render_pdf(letter, DAY).content)).count(squeezed(code)) == 3


# Everything that means something to typst, TeX, HTML or Python's format, and some letters between.
_HOSTILE = "#$*_`<>@\\/[](){}=~'\"!%&|^+:;,.?0x aeé語한"


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet=_HOSTILE, min_size=1, max_size=30))
@example(text='#read("/etc/passwd")')
@example(text="\\u{7d}#{sys}")
def test_whatever_is_typed_is_printed_as_it_was_typed(text: str, typesetter: Desk) -> None:
    letter = replace(LETTER, text=f"Begin {text} end", subject=f"B {text} e", writer_name=f"N {text} n")
    printed = squeezed(text_of(typesetter.render_pdf(letter, DAY).content))
    for expected in (letter.text, letter.subject, letter.writer_name):
        assert squeezed(expected) in printed


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_is_printed_or_its_characters_are_named(text: str, typesetter: Desk) -> None:
    try:
        assert typesetter.render_pdf(replace(LETTER, text=text, writer_name=text[:20]), DAY).pages
    except CannotTypeset as problem:
        assert "U+" in str(problem)


@pytest.mark.parametrize(
    ("country", "width"), [("US", 612), ("MX", 612), ("CA", 612), ("DE", 595), ("KR", 595)]
)
def test_the_paper_is_that_of_the_missions_country(country: str, width: int, typesetter: Desk) -> None:
    rendered = typesetter.render_pdf(replace(LETTER, mission=replace(BERLIN, country=country)), DAY)
    document = pypdfium2.PdfDocument(rendered.content)
    assert round(document[0].get_width()) == width
    document.close()


@pytest.mark.parametrize("word", ["W" * 400, "https://example.org/" + "a" * 300, "語" * 300, "é" * 200])
def test_nothing_runs_over_the_margin(word: str, typesetter: Desk) -> None:
    rendered = typesetter.render_pdf(replace(LETTER, text=word, writer_name=word[:60]), DAY)
    document = pypdfium2.PdfDocument(rendered.content)
    picture = document[0].render(scale=1).to_pil().convert("L")
    document.close()
    right_margin = picture.crop((picture.width - 60, 0, picture.width, picture.height))
    assert right_margin.getextrema()[0] > 250


@pytest.mark.parametrize(
    ("words", "starts_at_the_right"), [("שלום לכולם וברכה", True), ("Hello שלום", False), ("(«שלום»)", True)]
)
def test_a_paragraph_runs_in_the_direction_of_its_script(
    words: str, starts_at_the_right: bool, typesetter: Desk
) -> None:
    """Hebrew has a font here (Libertinus); its letters stand in their order, from the right margin on."""
    rendered = typesetter.render_pdf(replace(LETTER, text=f"Your Excellency,\n\n{words}\n\nlast"), DAY)
    document = pypdfium2.PdfDocument(rendered.content)
    text = document[0].get_textpage()
    position = text.get_text_range().index("ש")
    first, second = text.get_charbox(position)[0], text.get_charbox(position + 1)[0]
    document.close()
    assert (first > 400) == starts_at_the_right
    assert second < first, "shin, then lamed to its left"


def test_a_script_without_a_font_is_named_as_a_script(typesetter: Desk) -> None:
    with pytest.raises(CannotTypeset) as caught:
        typesetter.render_pdf(replace(LETTER, text="السلام عليكم"), DAY)
    assert "no font here has Arabic letters (ا (U+0627)" in str(caught.value)


def test_a_long_letter_is_counted_and_its_signature_is_never_alone(typesetter: Desk) -> None:
    for paragraphs in range(8, 30):
        letter = replace(
            LETTER, text="\n\n".join(["Please let them go in peace. " * 9] * paragraphs + ["The last."])
        )
        rendered = typesetter.render_pdf(letter, DAY)
        document = pypdfium2.PdfDocument(rendered.content)
        assert rendered.pages == len(document)
        last = document[len(document) - 1].get_textpage().get_text_range()
        document.close()
        assert "The last." in last
        assert "Jane Doe" in last
        assert f"Page {rendered.pages} of {rendered.pages}" in last


def test_enclosures_are_listed_and_their_digests_kept(typesetter: Desk) -> None:
    enclosed = replace(CAMPAIGN, enclosures=(Enclosure(name="A note.pdf", content=b"", digest="ab12"),))
    rendered = typesetter.render_pdf(replace(LETTER, campaign=enclosed, language="de"), DAY)
    assert rendered.enclosures == ("ab12",)
    assert "Anlagen: A note.pdf" in text_of(rendered.content)


def test_a_shielded_letter_prints_no_name(typesetter: Desk) -> None:
    printed = text_of(
        typesetter.render_pdf(replace(LETTER, shielded=True, organisation="Friends"), DAY).content
    )
    assert "J. D.\nUnited States" in printed
    assert not any(secret in printed for secret in ("Jane", "Doe", "Houston", "Friends", "jane@"))


def picture(kind: str = "PNG", mode: str = "RGB", size: tuple[int, int] = (120, 40)) -> bytes:
    stream = io.BytesIO()
    colour = {"RGB": (200, 0, 0), "CMYK": (0, 99, 99, 0)}[mode]
    Image.new(mode, size, colour).save(stream, kind)
    return stream.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40"><rect width="120" height="40" fill="#c80000"/></svg>'


def with_logo(logo: bytes) -> LetterContent:
    return replace(LETTER, campaign=replace(CAMPAIGN, letterhead=Letterhead(name="Day", logo=logo)))


def reds(pdf: bytes) -> tuple[int, int, int, int]:
    """The box that the logo fills, in points."""
    document = pypdfium2.PdfDocument(pdf)
    page = document[0].render(scale=1).to_pil().convert("RGB")
    document.close()
    red, green, _ = page.split()
    box = ImageChops.subtract(red, green).point(lambda value: 255 if value > 100 else 0).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize(
    "logo",
    [picture(), picture("JPEG"), SVG, b"\xef\xbb\xbf" + SVG],
    ids=["png", "jpeg", "svg", "svg with a mark"],
)
def test_a_logo_stands_on_the_page_12_mm_high(logo: bytes, typesetter: Desk) -> None:
    left, top, right, bottom = reds(typesetter.render_pdf(with_logo(logo), DAY).content)
    assert abs(bottom - top - 34) <= 2
    assert abs(right - left - 102) <= 2
    assert abs(left - 71) <= 2


def test_a_very_wide_logo_leaves_the_postmark_its_place(typesetter: Desk) -> None:
    left, _, right, _ = reds(typesetter.render_pdf(with_logo(picture(size=(2400, 40))), DAY).content)
    assert right - left <= 285


@pytest.mark.parametrize(
    ("logo", "why"),
    [
        (picture("GIF"), "GIF"),
        (picture("JPEG", "CMYK"), "CMYK"),
        (picture()[:60], "damaged"),
        (picture()[:100] + b"\0" * 20 + picture()[120:], "damaged"),
        (b"hello", "not a PNG, JPEG or SVG"),
        (b"", "not a PNG, JPEG or SVG"),
        (b"<svg", "damaged"),
        (b"<svg>\xff", "UTF-8"),
        (SVG.replace(b"<rect", b'<image href="/etc/hostname"/><rect'), "links"),
        (SVG.replace(b"<rect", b'<image href="letter.typ"/><rect'), "links"),
    ],
)
def test_a_logo_that_cannot_be_used_is_named_in_one_sentence(logo: bytes, why: str, typesetter: Desk) -> None:
    with pytest.raises(LogoUnusable, match=why) as caught:
        typesetter.render_pdf(with_logo(logo), DAY)
    assert "\n" not in str(caught.value)
    assert [str(each) for each in typesetter.press.faults(with_logo(logo).campaign)] == [str(caught.value)]
    typesetter.render_pdf(LETTER, DAY)


@pytest.mark.parametrize(
    "code", ['#read("/etc/hostname")', '#read("../mail/x.txt")', '#read("../../x.toml")']
)
def test_nothing_on_the_disk_but_the_template_can_be_read(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even by the template, should anybody ever write such a line into it."""
    letters = tmp_path / "templates" / "letters"
    letters.mkdir(parents=True)
    (letters / "letter.typ").write_text(code)
    (tmp_path / "x.toml").write_text("secret")
    monkeypatch.setattr("dispatcher.adapters.typesetting.resource", tmp_path.joinpath)
    with pytest.raises(TypesettingFailed, match=r"not found|escape"):
        TypstTypesetter().set(page_of(LETTER, DAY))
