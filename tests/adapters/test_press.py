"""Letters to pages, one by one and on all cores."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dispatcher.adapters.missing_glyphs import CannotTypeset
from dispatcher.adapters.press import WORTH_A_POOL, Press
from dispatcher.adapters.press_at_need import PressAtNeed
from dispatcher.domain.campaign import FaxResolution
from dispatcher.services.stationery import PageOrder, Rendered
from tests.adapters.test_typesetting import CAMPAIGN, LETTER
from tests.processes import all_end, lives, orphans


def orders(count: int, fax: FaxResolution | None = FaxResolution.STANDARD) -> list[PageOrder]:
    return [
        PageOrder(
            content=replace(LETTER, text=f"Your Excellency,\n\nletter {number}."), day_line="24 IX", fax=fax
        )
        for number in range(count)
    ]


@pytest.fixture
def press() -> Iterator[Press]:
    made = Press(cores=2)
    yield made
    made.rest()


def workers(press: Press) -> list[int]:
    return list(press._pool._processes) if press._pool is not None else []


def test_few_letters_start_no_other_process(press: Press) -> None:
    press.render(orders(WORTH_A_POOL - 1, fax=None))
    assert workers(press) == []


def test_many_letters_are_shared_out_and_come_back_in_order_and_byte_for_byte(press: Press) -> None:
    wanted = orders(WORTH_A_POOL + 3)
    wanted[5] = replace(wanted[5], content=replace(LETTER, text="\U0001f600"))
    wanted[6] = replace(wanted[6], content=replace(LETTER, text="\0"))
    wanted[7] = replace(wanted[7], fax=None)
    answers = press.render(wanted)
    assert len(workers(press)) == 2
    alone = Press(cores=1).render(wanted)
    assert [str(each) for each in answers] == [str(each) for each in alone]
    assert {type(answers[5]), type(answers[6])} == {CannotTypeset}
    kinds = {each.media_type for each in answers if isinstance(each, Rendered)}
    assert kinds == {"image/tiff", "application/pdf"}
    digests = [each.digest for each in answers if isinstance(each, Rendered)]
    assert len(set(digests)) == len(wanted) - 2
    pool = workers(press)
    press.rest()
    assert workers(press) == []
    assert not any(lives(pid) for pid in pool)


def test_when_a_worker_is_killed_no_letter_is_lost(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = orders(WORTH_A_POOL)
    press.render(wanted)
    os.kill(workers(press)[0], signal.SIGKILL)
    assert all(isinstance(each, Rendered) for each in press.render(wanted))


PARENT = """
import sys
from tests.adapters.test_press import WORTH_A_POOL, Press, orders, workers
if __name__ == "__main__":
    press = Press(cores=2)
    press.render(orders(WORTH_A_POOL))
    print(*workers(press), flush=True)
    sys.stdin.read()
"""


def test_no_worker_outlives_a_parent_that_is_killed() -> None:
    pool = orphans(PARENT)
    assert len(pool) == 2
    assert all_end(pool)


def test_workers_need_nothing_of_the_service_but_what_sets_pages() -> None:
    """They are lean: no database, no web, no settings."""
    code = (
        "import sys; import dispatcher.adapters.press; "
        "print(*[name for name in ('sqlalchemy', 'fastapi', 'pydantic', 'alembic', 'babel') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_a_press_at_need_is_set_up_for_the_first_page_and_prints_the_same() -> None:
    press = PressAtNeed()

    def made() -> Press | None:
        return press._made

    press.rest()
    assert made() is None
    wanted = orders(2)
    assert press.render(wanted) == Press(cores=1).render(wanted)
    first = made()
    assert first is not None
    assert press.faults(CAMPAIGN) == [] and made() is first
    press.rest()


def test_a_campaigns_faults_are_empty_where_nothing_is_wrong() -> None:
    assert Press(cores=1).faults(CAMPAIGN) == []
