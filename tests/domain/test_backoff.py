from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.backoff import next_try
from dispatcher.domain.campaign import RetryPolicy

FIRST_TRY = datetime(2027, 9, 24, 7, 0, tzinfo=UTC)
MIDDLE = 0.5  # no jitter
STEADY = RetryPolicy(jitter=0.0)


def wait_after(tries: int, policy: RetryPolicy = STEADY, spread: float = MIDDLE) -> timedelta | None:
    again = next_try(policy, tries=tries, first_try=FIRST_TRY, now=FIRST_TRY, spread=spread)
    return again - FIRST_TRY if again else None


@pytest.mark.parametrize(
    ("tries", "minutes"), [(1, 5), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 240), (11, 240)]
)
def test_waits_double_up_to_the_ceiling(tries: int, minutes: int) -> None:
    assert wait_after(tries) == timedelta(minutes=minutes)


def test_a_delivery_is_given_up_after_its_last_try() -> None:
    assert wait_after(STEADY.tries) is None
    assert wait_after(STEADY.tries + 1) is None


def test_a_delivery_is_given_up_when_its_time_would_be_over() -> None:
    policy = RetryPolicy(jitter=0.0, give_up_after=timedelta(hours=1))
    just = FIRST_TRY + timedelta(minutes=55)
    assert next_try(policy, tries=1, first_try=FIRST_TRY, now=just, spread=MIDDLE) == FIRST_TRY + timedelta(
        hours=1
    )
    late = just + timedelta(microseconds=1)
    assert next_try(policy, tries=1, first_try=FIRST_TRY, now=late, spread=MIDDLE) is None


def test_jitter_spreads_the_wait_evenly_to_both_sides() -> None:
    policy = RetryPolicy(jitter=0.2)
    assert wait_after(1, policy, 0.0) == timedelta(minutes=4)
    assert wait_after(1, policy, 0.5) == timedelta(minutes=5)
    assert wait_after(1, policy, 0.75) == timedelta(minutes=5, seconds=30)


def test_jitter_spreads_the_longest_waits_too() -> None:
    policy = RetryPolicy(jitter=0.2)
    assert wait_after(9, policy, 0.75) == timedelta(hours=4) * 1.1


def test_a_first_wait_above_the_ceiling_is_cut() -> None:
    assert wait_after(1, RetryPolicy(jitter=0.0, first=timedelta(days=1))) == timedelta(hours=4)


def test_thousands_of_tries_do_not_overflow() -> None:
    policy = RetryPolicy(jitter=0.0, tries=100_000)
    assert wait_after(50_000, policy) == policy.ceiling


@given(tries=st.integers(1, 40), spread=st.floats(0, 1, exclude_max=True), late=st.floats(0, 6 * 86_400))
def test_a_next_try_is_later_than_now_and_within_the_time_allowed(
    tries: int, spread: float, late: float
) -> None:
    policy = RetryPolicy(tries=30)
    now = FIRST_TRY + timedelta(seconds=late)
    again = next_try(policy, tries=tries, first_try=FIRST_TRY, now=now, spread=spread)
    if again is None:
        longest = policy.ceiling * (1 + policy.jitter)
        assert tries >= policy.tries or now + longest > FIRST_TRY + policy.give_up_after
    else:
        assert now + policy.first * (1 - policy.jitter) <= again <= FIRST_TRY + policy.give_up_after
