"""What the commands say and do about letters that wait for their second reading."""

from dispatcher.faces.cli.progress import progress
from dispatcher.services.house import House
from dispatcher.services.second_reading import Outcome

_TITLE, _UNIT = "Reading a second time", "letters"


def read_waiting(house: House) -> Outcome:
    """For a command that must have every letter that came in: reads what waits, or waits for who is reading it."""
    with progress(_TITLE, unit=_UNIT) as bar:
        return house.second_reading.finish(bar.show)


def in_words(waiting: int) -> str:
    """The sentence that tells of them."""
    verb = "letter waits" if waiting == 1 else "letters wait"
    return (
        f"{waiting:,} {verb} for the second reading, before which none goes on. 'dispatcher serve' and 'dispatcher "
        "courier' do it by themselves; 'dispatcher import --read' does it now."
    )
