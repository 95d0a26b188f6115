"""APScheduler as the clock."""

import threading

import pytest
import structlog

from dispatcher.adapters.scheduler import Ticker
from dispatcher.services.schedule import Tick


def test_ticks_come_again_and_again_until_the_stop() -> None:
    came = threading.Semaphore(0)
    ticker = Ticker([Tick(name="one", seconds=0.02, work=came.release)])
    ticker.start()
    for _ in range(3):
        assert came.acquire(timeout=5)
    ticker.stop()
    while came.acquire(blocking=False):
        pass
    assert not came.acquire(timeout=0.1)


def test_a_tick_that_fails_is_told_by_its_class_and_comes_again() -> None:
    came = threading.Semaphore(0)

    def fails() -> None:
        came.release()
        raise ValueError("Jane Doe's letter")

    with structlog.testing.capture_logs() as told:
        ticker = Ticker([Tick(name="one", seconds=0.02, work=fails)])
        ticker.start()
        for _ in range(2):
            assert came.acquire(timeout=5)
        ticker.stop()
    assert {"event": "tick_failed", "tick": "one", "error": "ValueError", "log_level": "warning"} in told
    assert "Jane" not in str(told)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_tick_that_takes_long_is_not_started_twice_and_does_not_stop_the_others() -> None:
    running, most, lock = 0, 0, threading.Lock()
    let_go, others = threading.Event(), threading.Semaphore(0)

    def slow() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        let_go.wait(5)
        with lock:
            running -= 1

    ticker = Ticker(
        [Tick(name="slow", seconds=0.02, work=slow), Tick(name="quick", seconds=0.02, work=others.release)]
    )
    ticker.start()
    for _ in range(5):
        assert others.acquire(timeout=5)
    let_go.set()
    ticker.stop()
    assert most == 1
