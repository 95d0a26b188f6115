"""A campaign's logo as an SVG document, so that it reaches typst as text like everything else.

typst then reads no file but its own template. Whether the picture itself is whole is seen when it is set.
"""

import base64
import io
from functools import lru_cache

from PIL import Image, UnidentifiedImageError

from dispatcher.services.stationery import LogoUnusable

_ACCEPTED = {"PNG": "png", "JPEG": "jpeg"}
# What PDF and SVG readers agree on; a CMYK JPEG comes out as its negative in some.
_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16", "PA"})


@lru_cache(maxsize=16)
def logo_svg(logo: bytes) -> str:
    """logo: content of a PNG, JPEG or SVG file. Raises LogoUnusable."""
    if _looks_like_svg(logo):
        try:
            return logo.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise LogoUnusable(why="it is an SVG that is not in UTF-8") from None
    try:
        with Image.open(io.BytesIO(logo)) as picture:
            kind, mode, (width, height) = picture.format or "", picture.mode, picture.size
            picture.load()
    except UnidentifiedImageError:
        raise LogoUnusable(why="it is not a PNG, JPEG or SVG picture") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise LogoUnusable(why="the picture is damaged or far too large") from None
    if kind not in _ACCEPTED:
        raise LogoUnusable(why=f"it is a {kind} picture, and a logo must be a PNG, JPEG or SVG")
    if mode not in _MODES:
        raise LogoUnusable(why=f"its colours are stored as {mode}; save it with RGB colours")
    data = base64.b64encode(logo).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="data:image/{_ACCEPTED[kind]};base64,{data}"/></svg>'
    )


def _looks_like_svg(content: bytes) -> bool:
    head = content[:1000].removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith((b"<svg", b"<?xml", b"<!--", b"<!DOCTYPE svg"))
