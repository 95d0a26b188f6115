"""Work done by a process that ends with it."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from dispatcher.adapters.processes import apart
from dispatcher.domain.errors import FileProblems


def test_the_work_is_done_by_another_process_which_is_gone_afterwards() -> None:
    worker = apart(os.getpid)
    assert worker != os.getpid()
    assert multiprocessing.active_children() == []
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_an_error_of_ours_comes_back_as_it_was_raised() -> None:
    with pytest.raises(FileProblems) as found:
        apart(_stumble, "missions.csv")
    assert found.value.problems == ["line 3: no country"]
    assert "missions.csv has 1 problem" in str(found.value)


def test_ctrl_c_is_left_to_the_caller_to_tell() -> None:
    assert apart(signal.getsignal, signal.SIGINT) is signal.SIG_DFL


def _stumble(file: str) -> Path:
    raise FileProblems(file=file, problems=["line 3: no country"])
