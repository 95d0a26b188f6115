"""A courier's lock is let go by the operating system, however the courier ends."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dispatcher.adapters.courier_locks import CourierLock, dead_couriers

_HOLD = """
import sys
from pathlib import Path
from dispatcher.adapters.courier_locks import CourierLock
with CourierLock(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(folder: Path, name: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def dead(folder: Path) -> list[str]:
    """Takes up the dead ones, and says which they were."""
    with dead_couriers(folder) as found:
        return found


def test_a_killed_courier_is_known_to_be_dead_and_a_living_one_to_live(tmp_path: Path) -> None:
    killed, alive = holder(tmp_path, "killed"), holder(tmp_path, "alive")
    assert dead(tmp_path) == []
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(10)
    with pytest.raises(ZeroDivisionError), dead_couriers(tmp_path) as found:
        assert found == ["killed"]
        raise ZeroDivisionError
    assert dead(tmp_path) == ["killed"]  # until its work was taken up
    assert dead(tmp_path) == []
    alive.communicate("\n", timeout=10)
    assert list(tmp_path.iterdir()) == []
    assert killed.stdout is not None and killed.stdin is not None
    killed.stdout.close()
    killed.stdin.close()


def test_a_courier_that_starts_or_ends_at_this_moment_is_never_taken_for_dead(tmp_path: Path) -> None:
    done = threading.Event()

    def come_and_go() -> None:
        for number in range(300):
            with CourierLock(tmp_path, f"courier-{number}"):
                pass
        done.set()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    while not done.is_set():
        assert dead(tmp_path) == []
    thread.join()
    assert list(tmp_path.iterdir()) == []


def test_a_courier_that_ends_in_an_error_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), CourierLock(tmp_path / "new", "one"):
        raise ZeroDivisionError
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_that_does_not_exist_has_no_dead(tmp_path: Path) -> None:
    assert dead(tmp_path / "nowhere") == []


def test_of_two_that_start_together_only_one_takes_up_what_a_dead_one_left(tmp_path: Path) -> None:
    (tmp_path / "killed.lock").touch()
    with dead_couriers(tmp_path) as first:
        assert first == ["killed"]
        assert dead(tmp_path) == []
    assert dead(tmp_path) == []
