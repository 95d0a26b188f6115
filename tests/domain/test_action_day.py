from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.action_day import action_day_of, next_action_day
from dispatcher.domain.campaign import ActionDayRule

YEARLY = ActionDayRule(month=9, day=24)


def moved(**years: date) -> ActionDayRule:
    return ActionDayRule(month=9, day=24, moved={int(year[1:]): day for year, day in years.items()})


def test_after_this_years_day_the_next_is_next_years() -> None:
    assert next_action_day(YEARLY, date(2026, 11, 23)) == date(2027, 9, 24)


def test_the_day_itself_counts_until_it_is_over() -> None:
    assert next_action_day(YEARLY, date(2027, 9, 24)) == date(2027, 9, 24)
    assert next_action_day(YEARLY, date(2027, 9, 25)) == date(2028, 9, 24)


def test_a_moved_year_is_honoured_and_the_others_stay() -> None:
    rule = moved(y2027=date(2027, 9, 27))
    assert action_day_of(rule, 2027) == date(2027, 9, 27)
    assert action_day_of(rule, 2028) == date(2028, 9, 24)


def test_a_day_moved_later_than_today_is_still_ahead() -> None:
    rule = moved(y2027=date(2027, 10, 1))
    assert next_action_day(rule, date(2027, 9, 28)) == date(2027, 10, 1)


def test_a_day_moved_earlier_than_today_is_over() -> None:
    rule = moved(y2027=date(2027, 9, 17))
    assert next_action_day(rule, date(2027, 9, 20)) == date(2028, 9, 24)


def test_last_years_day_moved_into_this_year_comes_before_this_years() -> None:
    rule = moved(y2027=date(2028, 1, 10))
    assert next_action_day(rule, date(2027, 9, 24)) == date(2028, 1, 10)
    assert next_action_day(rule, date(2028, 1, 3)) == date(2028, 1, 10)
    assert next_action_day(rule, date(2028, 1, 11)) == date(2028, 9, 24)


def test_next_years_day_moved_into_this_year_is_found() -> None:
    rule = moved(y2028=date(2027, 12, 10))
    assert next_action_day(rule, date(2027, 10, 1)) == date(2027, 12, 10)
    assert next_action_day(rule, date(2027, 12, 11)) == date(2029, 9, 24)


def test_the_29th_of_february_is_held_on_the_28th_in_other_years() -> None:
    rule = ActionDayRule(month=2, day=29)
    assert action_day_of(rule, 2028) == date(2028, 2, 29)
    assert action_day_of(rule, 2027) == date(2027, 2, 28)


@given(
    today=st.dates(date(2020, 1, 1), date(2040, 12, 31)),
    moves=st.dictionaries(
        st.integers(2022, 2038), st.dates(date(2021, 1, 1), date(2039, 12, 31)), max_size=4
    ),
)
def test_the_next_day_is_the_earliest_of_all_years_that_is_not_over(
    today: date, moves: dict[int, date]
) -> None:
    rule = ActionDayRule(month=9, day=24, moved=moves)
    # Three years around every date above: no year outside can hold the answer.
    ahead = [day for day in (action_day_of(rule, year) for year in range(2018, 2062)) if day >= today]
    assert next_action_day(rule, today) == min(ahead)
