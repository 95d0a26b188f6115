"""Where the files beside the code stand: templates, configuration, migrations.

In a checkout they are the top-level folders; in a wheel they are inside the package (`dispatcher/resources`).
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(*parts: str) -> Path:
    """The path of a shipped file or folder, e.g. resource("templates", "letters")."""
    beside = _PACKAGE.parent.joinpath(*parts)
    if beside.exists():
        return beside
    return _PACKAGE.joinpath("resources", *parts)
