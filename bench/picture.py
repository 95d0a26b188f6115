"""A flat picture of bars with their words and figures beside them, in the colours of both faces, light and dark."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from bench.report import Bar

_WIDTH, _NAMES, _FIGURES = 760, 320, 70
_TOP, _STEP, _THICK = 56, 34, 18
_STYLE = """
  text { font: 15px system-ui, sans-serif; fill: #1D2A33 }
  .title { font-size: 17px; font-weight: 600 }
  .figure { font-variant-numeric: tabular-nums }
  .paper { fill: #FBF9F4 }
  .ours { fill: #1F5673 }
  .others { fill: #55626B }
  @media (prefers-color-scheme: dark) {
    text { fill: #E9E6DF }
    .paper { fill: #14191D }
    .ours { fill: #8CC4DF }
    .others { fill: #A9B2B8 }
  }
"""


def draw(bars: Sequence[Bar], title: str) -> str:
    """SVG, the longest bar first."""
    ordered = sorted(bars, key=lambda bar: -bar.value)
    height = _TOP + _STEP * len(ordered) + 8
    most = max(bar.value for bar in ordered)
    words = "; ".join(f"{bar.name}: {bar.label}" for bar in ordered)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="t d">',
            f'<title id="t">{escape(title)}</title>',
            f'<desc id="d">{escape(words)}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" width="{_WIDTH}" height="{height}"/>',
            f'<text class="title" x="20" y="34">{escape(title)}</text>',
            *(_bar(bar, _TOP + _STEP * number, most) for number, bar in enumerate(ordered)),
            "</svg>\n",
        ]
    )


def _bar(bar: Bar, top: int, most: float) -> str:
    length = max(2.0, bar.value / most * (_WIDTH - _NAMES - _FIGURES - 30))
    base = top + 14
    return (
        f'<text x="20" y="{base}">{escape(bar.name)}</text>'
        f'<rect class="{"ours" if bar.ours else "others"}" x="{_NAMES}" y="{top}" width="{length:.0f}" height="{_THICK}"/>'
        f'<text class="figure" x="{_NAMES + length + 8:.0f}" y="{base}">{escape(bar.label)}</text>'
    )
