"""The part of the wiring that is about the second reading."""

from dispatcher.adapters.database.second_reading_turn import SecondReadingTurn
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.adapters.reading_room import reading_room
from dispatcher.adapters.tone_layers import takes_room
from dispatcher.services.clock import Clock
from dispatcher.services.outbox import Dispatch
from dispatcher.services.review import Tone
from dispatcher.services.second_reading import Reader, ReaderAtHand, SecondReading
from dispatcher.settings import Settings


def make_second_reading(
    settings: Settings, store: DatabaseStore, clock: Clock, dispatch: Dispatch, tone: Tone, *, lean: bool
) -> SecondReading:
    """lean: the learned layer is kept out of this process."""
    reader: Reader = ReaderAtHand(tone)
    if takes_room(settings):
        reader = reading_room(settings, at_hand=None if lean else tone)
    return SecondReading(
        store=store, clock=clock, dispatch=dispatch, reader=reader, turn=SecondReadingTurn(store.database)
    )
