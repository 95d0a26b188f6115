"""Work done by a process that ends with it."""

import os
import signal
from multiprocessing import get_context

import pytest

from dispatcher.adapters.processes import ProcessLost, apart
from dispatcher.domain.errors import FileProblems

pytestmark = pytest.mark.usefixtures("way")


@pytest.fixture(params=["fork", "spawn"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatcher.adapters.processes._context", lambda: get_context(request.param))


def test_the_work_is_done_by_another_process_which_is_gone_afterwards() -> None:
    worker = apart(os.getpid)
    assert worker != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_an_error_comes_back_as_it_was_raised() -> None:
    with pytest.raises(FileProblems) as found:
        apart(_stumble, "missions.csv")
    assert found.value.problems == ["line 3: no country"]
    assert "missions.csv has 1 problem" in str(found.value)


def test_ctrl_c_is_left_to_the_caller_to_tell() -> None:
    assert apart(signal.getsignal, signal.SIGINT) is signal.SIG_DFL


def test_a_process_that_is_killed_is_told() -> None:
    with pytest.raises(ProcessLost):
        apart(signal.raise_signal, signal.SIGKILL)


def _stumble(file: str) -> None:
    raise FileProblems(file=file, problems=["line 3: no country"])
