"""Where a courier's time goes: python -m bench send --profile runs this in the place of `dispatcher courier`."""

import asyncio
import cProfile
import pstats
import signal
import sys

from dispatcher.adapters.event_loop import run
from dispatcher.services.courier import Courier
from dispatcher.settings import load_settings
from dispatcher.wiring import at_work, make_courier
from dispatcher.wiring_lean import open_lean_house

_LINES = 35


def main() -> None:
    settings = load_settings()
    courier = make_courier(open_lean_house(settings), settings)
    profiler = cProfile.Profile()
    with at_work(courier, settings):
        print("is at work", file=sys.stderr, flush=True)
        profiler.runcall(run, _until_stopped(courier))
    pstats.Stats(profiler).sort_stats("tottime").print_stats(_LINES)


async def _until_stopped(courier: Courier) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, courier.stop)
    await courier.run()


if __name__ == "__main__":
    main()
