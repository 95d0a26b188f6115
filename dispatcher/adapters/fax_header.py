"""The header line of a fax page: date and time, sender, number, and page n of m (47 CFR 68.318(d))."""

from functools import lru_cache
from importlib.resources import files

from PIL import Image, ImageDraw, ImageFont

from dispatcher.adapters.pdf_pages import LINES_PER_MM, PIXELS_PER_MM, THRESHOLD, WIDTH
from dispatcher.adapters.telephone_numbers import readable_number
from dispatcher.domain.campaign import FaxResolution
from dispatcher.services.stationery import FaxLine

# It stands within the top 3 to 8 mm, which the letter leaves empty and machines can print.
_TOP_MM, _HEIGHT_MM, _SIDE_MM = 3.0, 5.0, 6.0
_SIZE = 26
_SIDE = round(_SIDE_MM * PIXELS_PER_MM)


def draw_header(page: Image.Image, line: FaxLine, number: int, pages: int, resolution: FaxResolution) -> None:
    """Over a white band at the top of the page; nothing else of it changes."""
    band = _band(line, f"Page {number} of {pages}")
    lines = LINES_PER_MM[resolution]
    if resolution is not FaxResolution.FINE:
        threshold = THRESHOLD[resolution]
        flat = (WIDTH, round(_HEIGHT_MM * lines))
        band = band.convert("L").resize(flat, Image.Resampling.BOX)
        band = band.point(lambda value: 255 if value >= threshold else 0, mode="1")
    page.paste(band, (0, round(_TOP_MM * lines)))


def _band(line: FaxLine, page_line: str) -> Image.Image:
    """A long sender is cut; date, number and page never are."""
    height = round(_HEIGHT_MM * LINES_PER_MM[FaxResolution.FINE])
    band = Image.new("1", (WIDTH, height), 255)
    draw = ImageDraw.Draw(band)
    font = _header_font(line.sender)
    room = WIDTH - 2 * _SIDE - draw.textlength(f"   {page_line}", font)
    number = readable_number(line.number)
    sent_at = f"{line.sent_at:%Y-%m-%d %H:%M %Z}".strip()
    sender = line.sender
    while sender and draw.textlength(f"{sent_at}   {sender}   {number}", font) > room:
        sender = sender.rstrip("…")[:-1].rstrip() + "…" if len(sender) > 1 else ""
    draw.text((_SIDE, height // 2), f"{sent_at}   {sender}   {number}", 0, font, anchor="lm")
    draw.text((WIDTH - _SIDE, height // 2), page_line, 0, font, anchor="rm")
    return band


def _header_font(text: str) -> ImageFont.FreeTypeFont:
    """Pillow does not look for a glyph in a second font, so the script decides."""
    if any("\uac00" <= character <= "\ud7a3" for character in text):
        return _font("pylopdf_fonts_ko", "NotoSansKR-Regular.otf")
    if any("\u3040" <= character <= "\u30ff" for character in text):
        return _font("pylopdf_fonts_jp", "NotoSansJP-Regular.otf")
    return _font("pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf")


@lru_cache(maxsize=3)
def _font(package: str, name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(files(package).joinpath(name)), _SIZE)
