"""How long a delivery waits between its tries, and when it is given up."""

from datetime import datetime

from dispatcher.domain.campaign import RetryPolicy


def next_try(
    policy: RetryPolicy, *, tries: int, first_try: datetime, now: datetime, spread: float
) -> datetime | None:
    """When to try again after the latest of `tries` tries (at least 1) has just failed; None: give up.

    spread: a random number in [0, 1) that the caller draws; 0.5 gives the wait without jitter. Jitter comes
    after the ceiling, so that letters which all wait the longest do not come back at one moment; a wait is
    thus at most `ceiling * (1 + jitter)`. No try is set later than `give_up_after` after `first_try`. The
    answer knows nothing of office hours: the caller moves it there with `Timetable.next_open`.
    """
    if tries >= policy.tries:
        return None
    # Multiplied step by step under the ceiling: factor ** tries would overflow under a patient policy.
    wait = min(policy.first, policy.ceiling)
    for _ in range(tries - 1):
        wait = min(wait * policy.factor, policy.ceiling)
    again = now + wait * (1 + policy.jitter * (2 * spread - 1))
    return again if again <= first_try + policy.give_up_after else None
