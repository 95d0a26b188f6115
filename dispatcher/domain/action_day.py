"""The yearly action day: on which date it falls, and which one comes next."""

from calendar import monthrange
from datetime import date

from dispatcher.domain.campaign import ActionDayRule


def action_day_of(rule: ActionDayRule, year: int) -> date:
    """The date on which the action day of `year` is held; one that was moved may lie in another year.

    A day that the month lacks in that year (29 February) falls on the month's last day.
    """
    moved = rule.moved.get(year)
    if moved is not None:
        return moved
    return date(year, rule.month, min(rule.day, monthrange(year, rule.month)[1]))


def next_action_day(rule: ActionDayRule, today: date) -> date:
    """The first action day on or after `today`, which counts itself: the day is not over.

    `today` is the date in a zone of the caller's choice: in the one where the day ends last (UTC-12), the day
    counts until it is over everywhere.
    """
    # Any year that the rule names may have been moved past `today`, last year's too. The year after all of
    # them is an ordinary one and lies ahead, so there is always an answer.
    ordinary = max([today.year, *rule.moved]) + 1
    years = {*rule.moved, *range(today.year, ordinary + 1)}
    return min(day for day in (action_day_of(rule, year) for year in years) if day >= today)
