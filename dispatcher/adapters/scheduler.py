"""APScheduler as the clock: it only ticks; what is due, and whether it is still to be done, the database says."""

import logging
from collections.abc import Sequence
from datetime import UTC

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from dispatcher.services.schedule import Tick
from dispatcher.telemetry import log

# Ticks are short and mostly wait for the database; three at a time keep a long rendering and a long second reading
# from delaying the rest.
_THREADS = 3
# APScheduler writes the whole traceback of a failed tick, and an error's text could carry what a supporter wrote;
# `_failed` tells of it instead.
_own_log = logging.getLogger("apscheduler")
_own_log.addHandler(logging.NullHandler())
_own_log.propagate = False


class Ticker:
    """Runs the ticks in threads of its own, from `start` to `stop`. A tick that fails is told and tried again at
    its next time; one that takes longer than its interval is not started twice."""

    def __init__(self, ticks: Sequence[Tick]) -> None:
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(_THREADS)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for tick in ticks:
            self._scheduler.add_job(tick.work, "interval", seconds=tick.seconds, id=tick.name)
        self._scheduler.add_listener(_failed, EVENT_JOB_ERROR)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=True)


def _failed(event: JobExecutionEvent) -> None:
    # The class only: an error's text could carry what a supporter wrote.
    log.warning("tick_failed", tick=event.job_id, error=type(event.exception).__name__)
