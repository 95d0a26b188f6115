"""Fills an outbox through intake: every letter with its own words and its own row, rendered and released.

    python -m bench.letters 20000      into the installation that the DISPATCHER_ settings name

A process of its own, so that the courier's memory is measured without it. Prints one JSON document: the bytes of
a mail and the words of a letter.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice

from dispatcher.adapters.tone_layers import open_tone
from dispatcher.services.house import House
from dispatcher.services.intake import Draft, Tally
from dispatcher.services.second_reading import ReaderAtHand
from dispatcher.settings import load_settings
from dispatcher.wiring import open_house

_CHUNK = 500
_WORDS = ("hope", "border", "river", "family", "mother", "winter", "safety", "dignity", "promise", "courage")


def main() -> None:
    settings = load_settings()
    house = open_house(settings)
    # The learned layer would make filling take an hour, and what is measured comes after it.
    rules = ReaderAtHand(open_tone(settings, learned=False))
    drafts = _drafts(house)
    count, tally = int(sys.argv[1]), Tally()
    for start in range(0, count, _CHUNK):
        rows = list(enumerate(islice(drafts, min(_CHUNK, count - start))))
        house.intake.take_batch(rows, tally, confirmed=True)
    assert tally.taken == count, tally.refusals[:3]
    replace(house.second_reading, reader=rules).finish()
    house.preparation.prepare_all()
    with house.store.write() as work:
        house.dispatch.release(work, house.campaigns.active, at=house.clock.now(), now=True)
    with house.store.read() as work:
        (rendered,) = work.outbox.content([1]).values()
    print(json.dumps({"bytes": len(rendered.content), "text": house.campaigns.active.sample("en").text}))


def own_words(number: int) -> str:
    return f"{_WORDS[number % len(_WORDS)].capitalize()} is what letter {number} asks for."


def _drafts(house: House) -> Iterator[Draft]:
    sample = house.campaigns.active.sample("en").text
    for number, country in enumerate(cycle(_reached_by_mail(house))):
        yield Draft(
            name="Jane Doe",
            email=f"supporter-{number}@example.net",
            country=country,
            language="en",
            letter=f"{sample}\n\n{own_words(number)}",
        )


def _reached_by_mail(house: House) -> list[str]:
    """Countries whose mission has a mailbox."""
    with house.store.read() as work:
        way = house.routing.present(work)
    today = house.clock.now().date()
    found = []
    for country in sorted({mission.country for mission in way.directory.missions}):
        routed = way.route(
            house.intake.place(country=country), house.campaigns.active, on=today, shielded=False
        )
        if routed.channels and routed.channels[0].channel.value == "email":
            found.append(country)
    return found


if __name__ == "__main__":
    main()
