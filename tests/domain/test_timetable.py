import csv
from bisect import bisect_left
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from heapq import heapify, heappop, heappush
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.domain.campaign import OfficeHours
from dispatcher.domain.timetable import (
    MINUTES_COUNTED,
    ImpossibleOfficeHours,
    ImpossiblePace,
    NoWorkingDay,
    Timetable,
    admit,
    minute_of,
    next_room,
    office_window,
    postpone,
    sent_in_last_hour,
)

MISSIONS = Path(__file__).parents[2] / "config" / "missions" / "missions.csv"
ACTION_DAY = date(2027, 9, 24)  # a Friday
NINE_TO_FIVE = OfficeHours()
ALL_DAY = OfficeHours(opens=time(0), closes=time(0))
SATURDAY_SUNDAY = frozenset({6, 7})
FRIDAY_SATURDAY = frozenset({5, 6})
# Zones of no mission, with odd offsets and changes: +5:45, half an hour of summer time, changes at midnight.
ODD_ZONES = (
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "America/St_Johns",
    "America/Havana",
    "Africa/Cairo",
    "America/Asuncion",
)
DAYS = (
    ACTION_DAY,
    date(2027, 10, 29),  # the Friday before Europe's clocks change
    date(2027, 10, 31),  # the Sunday of the change
    date(2028, 10, 29),
    date(2027, 3, 28),  # Europe's spring gap
    date(2027, 3, 14),  # North America's
    date(2027, 10, 3),  # Australia's
)


def missions() -> list[dict[str, str]]:
    with MISSIONS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def timetable(
    zone: str = "Europe/Berlin",
    action_day: date = ACTION_DAY,
    hours: OfficeHours = NINE_TO_FIVE,
    weekend: frozenset[int] = SATURDAY_SUNDAY,
) -> Timetable:
    return Timetable(zone=zone, hours=hours, weekend=weekend, action_day=action_day)


def local(zone: str, wall: str) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def berlin(wall: str) -> datetime:
    return local("Europe/Berlin", wall)


def check_slots(of: Timetable, slots: list[datetime], letters_per_hour: int) -> None:
    """All in office hours on office days, and evenly spaced within each day from its opening on."""
    zone = ZoneInfo(of.zone)
    step = timedelta(hours=1) / letters_per_hour
    for at in slots:
        there = at.astimezone(zone)
        assert at.tzinfo is UTC
        assert of.hours.opens <= there.time()
        assert of.hours.closes == time(0) or there.time() < of.hours.closes
        assert there.date() == of.action_day or (
            there.date() > of.action_day and there.isoweekday() not in of.weekend
        )
    for at, following in pairwise(slots):
        assert at < following
        if at.astimezone(zone).date() == following.astimezone(zone).date():
            assert abs(following - at - step) <= timedelta(microseconds=1)
        else:
            assert following == office_window(following.astimezone(zone).date(), of.zone, of.hours)[0]


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_every_missions_slots_lie_in_its_own_office_hours(day: date) -> None:
    rows = missions()
    assert len(rows) >= 281
    for zone in {row["time_zone_iana"] for row in rows} | set(ODD_ZONES):
        for weekend in (SATURDAY_SUNDAY, FRIDAY_SATURDAY):
            of = timetable(zone, day, weekend=weekend)
            slots = [of.slot(n, 5) for n in range(100)]  # two and a half days' worth
            check_slots(of, slots, 5)
            there = [at.astimezone(ZoneInfo(zone)) for at in slots]
            assert there[0].date() == day
            assert there[0].time() == time(9)
            assert [at.date() for at in there].count(day) == 40


@pytest.mark.parametrize("zone", ["Europe/Berlin", *ODD_ZONES])
@pytest.mark.parametrize("day", [date(2027, 3, 1), date(2027, 9, 24), date(2028, 2, 28)], ids=str)
def test_slots_stay_in_office_hours_over_the_next_change_of_the_clock(zone: str, day: date) -> None:
    of = timetable(zone, day)
    check_slots(of, [of.slot(n, 2) for n in range(16 * 60)], 2)


def test_a_day_holds_its_hours_worth_of_letters_and_none_at_closing() -> None:
    of = timetable()
    assert of.slot(0, 30) == berlin("2027-09-24 09:00")
    assert of.slot(1, 30) == berlin("2027-09-24 09:02")
    assert of.slot(239, 30) == berlin("2027-09-24 16:58")
    assert of.slot(240, 30) == berlin("2027-09-27 09:00")  # the action day is a Friday: Monday
    assert of.slot(480, 30) == berlin("2027-09-28 09:00")


def test_where_friday_and_saturday_are_free_letters_spill_over_to_sunday() -> None:
    of = timetable("Asia/Kuwait", weekend=FRIDAY_SATURDAY)
    assert of.slot(0, 30) == local(
        "Asia/Kuwait", "2027-09-24 09:00"
    )  # open although a Friday: the action day
    assert of.slot(240, 30) == local("Asia/Kuwait", "2027-09-26 09:00")


def test_an_action_day_on_a_sunday_is_open_and_the_next_sunday_is_not() -> None:
    of = timetable(action_day=date(2027, 10, 31))
    assert of.is_open(berlin("2027-10-31 10:00"))
    assert not of.is_open(berlin("2027-11-07 10:00"))


def test_a_pace_that_does_not_divide_the_hour_still_sends_its_number_an_hour() -> None:
    of = timetable()
    slots = [of.slot(n, 7) for n in range(200)]
    check_slots(of, slots, 7)
    assert of.slot(7, 7) == berlin("2027-09-24 10:00")
    assert of.slot(55, 7) < berlin("2027-09-24 17:00") == of.slot(0, 7) + timedelta(hours=8)
    assert of.slot(56, 7) == berlin("2027-09-27 09:00")


def test_an_office_that_opens_for_less_than_a_step_takes_one_letter_a_day() -> None:
    of = timetable(hours=OfficeHours(opens=time(9), closes=time(9, 30)))
    assert [of.slot(n, 1) for n in range(2)] == [berlin("2027-09-24 09:00"), berlin("2027-09-27 09:00")]


def test_finish_is_the_last_letters_slot() -> None:
    of = timetable()
    assert of.finish(0, 30) == of.finish(1, 30) == berlin("2027-09-24 09:00")
    assert of.finish(241, 30) == of.slot(240, 30)


def test_slots_counted_from_a_moment_are_those_of_the_same_row() -> None:
    of = timetable()
    assert of.slot(0, 30, berlin("2027-09-24 12:00")) == berlin("2027-09-24 12:00")
    assert of.slot(0, 30, berlin("2027-09-24 12:00:01")) == berlin("2027-09-24 12:02")
    assert of.slot(3, 30, berlin("2027-09-24 16:57")) == berlin("2027-09-27 09:04")
    assert of.slot(0, 30, berlin("2027-09-25 12:00")) == berlin("2027-09-27 09:00")
    assert of.slot(5, 30, berlin("2026-01-01 00:00")) == of.slot(5, 30)


@given(
    n=st.integers(0, 500),
    letters_per_hour=st.integers(1, 400),
    after=st.timedeltas(timedelta(days=-2), timedelta(days=12)),
    ask_first=st.booleans(),
)
def test_not_before_skips_exactly_the_earlier_slots(
    n: int, letters_per_hour: int, after: timedelta, ask_first: bool
) -> None:
    of = timetable()
    at = berlin("2027-09-24 09:00") + after
    if ask_first:
        of.slot(0, letters_per_hour)
    answer = of.slot(n, letters_per_hour, at)
    row = [of.slot(i, letters_per_hour) for i in range(8 * 9 * letters_per_hour + 501)]
    assert answer == row[bisect_left(row, at) + n]


@settings(deadline=None)  # the first slot of a far number finds years of office days
@given(
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", *ODD_ZONES]),
    day=st.dates(date(2026, 1, 1), date(2032, 1, 1)),
    opens=st.integers(0, 24 * 60 - 2),
    length=st.integers(1, 24 * 60),
    weekend=st.frozensets(st.integers(1, 7), max_size=6),
    letters_per_hour=st.integers(1, 3600),
    start=st.integers(0, 20_000),
)
def test_any_timetables_slots_keep_its_rules(
    *,
    zone: str,
    day: date,
    opens: int,
    length: int,
    weekend: frozenset[int],
    letters_per_hour: int,
    start: int,
) -> None:
    closes = min(opens + length, 24 * 60) % (24 * 60)
    hours = OfficeHours(opens=time(*divmod(opens, 60)), closes=time(*divmod(closes, 60)))
    of = timetable(zone, day, hours, weekend)
    slots = [of.slot(n, letters_per_hour) for n in range(start, start + 60)]
    check_slots(of, slots, letters_per_hour)
    assert all(of.is_open(at) and of.next_open(at) == at for at in slots)


def test_the_office_is_never_open_before_the_action_day() -> None:
    of = timetable()
    thursday = berlin("2027-09-23 11:00")
    assert not of.is_open(thursday)
    assert of.next_open(thursday) == berlin("2027-09-24 09:00")
    assert of.next_open(datetime(1970, 1, 1, tzinfo=UTC)) == berlin("2027-09-24 09:00")


def test_opening_is_open_and_closing_is_not() -> None:
    of = timetable()
    moment = timedelta(microseconds=1)
    opening, closing = berlin("2027-09-24 09:00"), berlin("2027-09-24 17:00")
    assert [of.is_open(at) for at in (opening - moment, opening, closing - moment, closing)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_retry_at_night_or_on_a_free_day_waits_for_the_next_opening() -> None:
    of = timetable()
    midday = berlin("2027-09-24 12:00")
    assert of.next_open(midday) == midday
    assert of.next_open(berlin("2027-09-24 18:00")) == berlin("2027-09-27 09:00")
    assert of.next_open(berlin("2027-09-28 03:00")) == berlin("2027-09-28 09:00")
    assert of.next_open(berlin("2029-03-24 10:00")) == berlin(
        "2029-03-26 09:00"
    )  # over the change to summer time


def test_a_moment_may_be_asked_in_any_zone_even_while_it_comes_twice() -> None:
    of = timetable(action_day=date(2027, 10, 31), hours=ALL_DAY)
    for fold in (0, 1):
        twice = datetime(2027, 10, 31, 2, 30, fold=fold, tzinfo=ZoneInfo("Europe/Berlin"))
        assert of.is_open(twice)
        assert of.next_open(twice).tzinfo is UTC


@pytest.mark.parametrize(
    ("zone", "day", "opens", "closes", "window"),
    [
        ("Europe/Berlin", (2027, 7, 1), (9, 0), (17, 0), ("07-01 07:00", "07-01 15:00")),
        ("Europe/Berlin", (2027, 12, 1), (9, 0), (17, 0), ("12-01 08:00", "12-01 16:00")),
        ("Asia/Kathmandu", (2027, 9, 24), (9, 0), (17, 0), ("09-24 03:15", "09-24 11:15")),
        ("Pacific/Apia", (2027, 9, 24), (9, 0), (17, 0), ("09-23 20:00", "09-24 04:00")),
        # The clock skips 2:00 to 3:00 at 01:00 UTC: an opening or closing inside is that moment.
        ("Europe/Berlin", (2027, 3, 28), (2, 30), (10, 0), ("03-28 01:00", "03-28 08:00")),
        ("Europe/Berlin", (2027, 3, 28), (1, 0), (2, 30), ("03-28 00:00", "03-28 01:00")),
        ("Europe/Berlin", (2027, 3, 28), (2, 10), (2, 50), ("03-28 01:00", "03-28 01:00")),
        ("Europe/Berlin", (2027, 3, 28), (1, 30), (3, 30), ("03-28 00:30", "03-28 01:30")),
        # 2:00 to 3:00 comes twice, from 00:00 and from 01:00 UTC.
        ("Europe/Berlin", (2027, 10, 31), (2, 30), (10, 0), ("10-31 01:30", "10-31 09:00")),
        ("Europe/Berlin", (2027, 10, 31), (0, 30), (2, 30), ("10-30 22:30", "10-31 00:30")),
        ("Europe/Berlin", (2027, 10, 31), (2, 15), (2, 45), ("10-31 00:15", "10-31 00:45")),
        ("Europe/Berlin", (2027, 10, 31), (2, 0), (3, 0), ("10-31 00:00", "10-31 02:00")),
        ("Europe/Berlin", (2027, 10, 31), (0, 0), (0, 0), ("10-30 22:00", "10-31 23:00")),
        # Half an hour: 2:00 to 2:30 skipped at 15:30 UTC the day before; 1:30 to 2:00 twice.
        ("Australia/Lord_Howe", (2027, 10, 3), (2, 15), (9, 0), ("10-02 15:30", "10-02 22:00")),
        ("Australia/Lord_Howe", (2027, 4, 4), (1, 45), (9, 0), ("04-03 15:15", "04-03 22:30")),
        # Changes at midnight: Cairo skips the first hour of a day, Havana has it twice.
        ("Africa/Cairo", (2027, 4, 30), (0, 0), (0, 0), ("04-29 22:00", "04-30 21:00")),
        ("America/Havana", (2027, 11, 7), (0, 0), (0, 0), ("11-07 04:00", "11-08 05:00")),
    ],
)
def test_office_windows_around_changes_of_the_clock(
    zone: str,
    day: tuple[int, int, int],
    opens: tuple[int, int],
    closes: tuple[int, int],
    window: tuple[str, str],
) -> None:
    found = office_window(date(*day), zone, OfficeHours(opens=time(*opens), closes=time(*closes)))
    assert tuple(f"{at:%m-%d %H:%M}" for at in found) == window
    assert all(at.tzinfo is UTC for at in found)


def test_a_date_that_a_zone_skipped_is_no_office_day() -> None:
    of = timetable("Pacific/Apia", date(2011, 12, 30))  # Samoa went from the 29th to the 31st, a Saturday
    assert of.slot(0, 30) == local("Pacific/Apia", "2012-01-02 09:00")


def days_of_change() -> list[tuple[str, date]]:
    """Each day from 2026 to 2030 that is longer or shorter than 24 hours, by zone."""
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(5 * 365)]
    return [
        (zone, day)
        for zone in ("Europe/Berlin", "America/New_York", *ODD_ZONES)
        for day in days
        if (window := office_window(day, zone, ALL_DAY))[1] - window[0] != timedelta(days=1)
    ]


@given(
    change=st.sampled_from(days_of_change()),
    opens=st.integers(0, 4 * 60),
    length=st.one_of(st.integers(1, 60), st.integers(1, 20 * 60)),
    thousandths=st.integers(0, 999),
)
def test_while_an_office_is_open_its_wall_clock_shows_office_hours(
    change: tuple[str, date], opens: int, length: int, thousandths: int
) -> None:
    zone, day = change
    closes = (opens + length) % (24 * 60)
    hours = OfficeHours(opens=time(*divmod(opens, 60)), closes=time(*divmod(closes, 60)))
    opening, closing = office_window(day, zone, hours)
    assert opening <= closing
    if opening < closing:
        there = (opening + (closing - opening) * thousandths / 1000).astimezone(ZoneInfo(zone))
        assert there.date() == day
        assert hours.opens <= there.time()
        assert closes == 0 or there.time() < hours.closes


def test_hours_that_never_open_are_refused_with_the_remedy() -> None:
    with pytest.raises(ImpossibleOfficeHours, match=r"from 17:00:00 to 09:00:00 are never open\. Let them"):
        timetable(hours=OfficeHours(opens=time(17), closes=time(9)))
    with pytest.raises(ImpossibleOfficeHours):
        office_window(ACTION_DAY, "UTC", OfficeHours(opens=time(9), closes=time(9)))
    with pytest.raises(NoWorkingDay, match="at least one"):
        timetable(weekend=frozenset(range(1, 8)))
    with pytest.raises(ImpossiblePace, match="0 letters an hour"):
        timetable().slot(0, 0)
    with pytest.raises(ImpossiblePace):
        timetable().slot(0, 0, berlin("2027-09-24 12:00"))


def test_the_budget_of_the_hour_bounds_what_is_let_through() -> None:
    assert admit(1, 0, 30) == 1
    assert admit(1, 29, 30) == 1
    assert admit(2, 29, 30) == 1
    assert admit(2, 30, 30) == 0
    assert admit(2, 40, 30) == 0  # the pace was lowered meanwhile
    assert admit(0, 0, 30) == 0


def test_a_crowd_gets_ten_minutes_worth_at_once_and_a_slow_mission_one() -> None:
    assert admit(90, 0, 30) == 5
    assert admit(90, 0, 2) == 1


def test_the_hour_slides_by_minutes() -> None:
    noon = datetime(2027, 9, 24, 12, tzinfo=UTC)
    this = minute_of(noon)
    buckets = {this: 1, this - 59: 2, this - 60: 4}
    assert sent_in_last_hour(buckets, noon) == 3
    assert sent_in_last_hour(buckets, noon + timedelta(seconds=59)) == 3
    assert sent_in_last_hour(buckets, noon + timedelta(minutes=1)) == 1
    assert sent_in_last_hour({}, noon) == 0


def test_a_clock_put_back_grants_no_second_budget_and_one_put_far_ahead_takes_none() -> None:
    noon = datetime(2027, 9, 24, 12, tzinfo=UTC)
    assert sent_in_last_hour({minute_of(noon) + 20: 30}, noon) == 30
    assert sent_in_last_hour({minute_of(noon) + 20_000: 30}, noon) == 0


def test_room_comes_when_enough_has_left_the_hour() -> None:
    noon = datetime(2027, 9, 24, 12, tzinfo=UTC)
    this = minute_of(noon)
    buckets = {this - 70: 9, this - 40: 3, this - 10: 2}
    assert next_room(buckets, noon, 6) == noon
    assert next_room(buckets, noon, 5) == noon + timedelta(minutes=20)
    assert next_room(buckets, noon, 2) == noon + timedelta(minutes=50)


@given(
    ago=st.dictionaries(st.integers(0, 90), st.integers(1, 9), max_size=30),
    letters_per_hour=st.integers(1, 40),
    seconds=st.integers(0, 59),
)
def test_there_is_room_when_next_room_says_and_not_a_second_before(
    ago: dict[int, int], letters_per_hour: int, seconds: int
) -> None:
    now = datetime(2027, 9, 24, 12, 0, seconds, tzinfo=UTC)
    buckets = {minute_of(now) - minutes: count for minutes, count in ago.items()}
    room = next_room(buckets, now, letters_per_hour)
    assert sent_in_last_hour(buckets, room) < letters_per_hour
    if room > now:
        assert sent_in_last_hour(buckets, room - timedelta(seconds=1)) >= letters_per_hour


def test_a_postponed_letter_is_due_later_than_now_even_on_a_slot() -> None:
    of, nine = timetable(), berlin("2027-09-24 09:00")
    assert postpone(of, nine, 0, 30, nine) == nine + timedelta(minutes=2)
    assert postpone(of, nine, 0, 30, nine + timedelta(hours=1)) == nine + timedelta(hours=1)
    assert postpone(of, nine, 3, 30, nine + timedelta(hours=1)) == nine + timedelta(hours=1, minutes=6)


class Claiming:
    """A courier's claims on a simulated clock, as the module's docstring says them."""

    def __init__(self, of: Timetable, count: int, letters_per_hour: int) -> None:
        self.of, self.pace = of, letters_per_hour
        self.queue = [of.slot(n, letters_per_hour) for n in range(count)]
        heapify(self.queue)
        self.buckets: Counter[int] = Counter()
        self.sent: list[datetime] = []
        self.postponed = 0

    def tick(self, now: datetime, batch: int = 500) -> None:
        claimed = 0
        while self.queue and self.queue[0] <= now and claimed < batch:
            heappop(self.queue)
            claimed += 1
        sent = sent_in_last_hour(self.buckets, now)
        fit = admit(claimed, sent, self.pace) if self.of.is_open(now) else 0
        self.sent += [now] * fit
        self.buckets[minute_of(now)] += fit
        free_from = next_room(self.buckets, now, self.pace)
        queued = sum(due >= free_from for due in self.queue)
        for k in range(claimed - fit):
            heappush(self.queue, postpone(self.of, now, queued + k, self.pace, free_from))
        self.postponed += claimed - fit

    def run(self, start: datetime, every: timedelta, ticks: int = 100_000) -> None:
        """Looks at the queue every `every`, and skips the time in which nothing is due."""
        now = start
        while self.queue and ticks:
            if self.queue[0] > now:
                now += -((now - self.queue[0]) // every) * every
            self.tick(now)
            now += every
            ticks -= 1

    def most_in_an_hour(self) -> int:
        minutes = sorted(self.buckets)
        return max(sum(self.buckets[m + i] for i in range(MINUTES_COUNTED)) for m in minutes)


def test_a_service_that_was_up_all_day_postpones_nothing() -> None:
    claiming = Claiming(timetable(), 300, 30)
    claiming.run(berlin("2027-09-24 08:59:59"), timedelta(seconds=1.3))
    assert claiming.postponed == 0
    assert len(claiming.sent) == 300
    assert claiming.most_in_an_hour() == 30


def test_letters_overdue_after_a_morning_down_leave_from_noon_at_the_paced_rate() -> None:
    claiming = Claiming(timetable(), 240, 30)
    claiming.run(berlin("2027-09-24 12:00"), timedelta(seconds=1))
    assert claiming.sent[0] == berlin("2027-09-24 12:00")
    check_made_good(claiming, 240)
    friday = [at for at in claiming.sent if at < berlin("2027-09-25 00:00")]
    assert 145 <= len(friday) <= 155  # five hours' worth
    assert claiming.sent[-1] < berlin("2027-09-27 13:00")
    assert claiming.postponed <= 120  # 86 are overdue; few are put off twice


def test_only_overdue_letters_leave_from_noon_on_without_a_gap() -> None:
    claiming = Claiming(timetable(), 90, 30)  # the morning's worth
    claiming.run(berlin("2027-09-24 12:00"), timedelta(seconds=1))
    check_made_good(claiming, 90)
    assert claiming.sent[-1] <= berlin("2027-09-24 15:00")
    assert max(b - a for a, b in pairwise(claiming.sent)) <= timedelta(minutes=15)


def test_letters_overdue_after_hours_wait_for_the_next_working_day() -> None:
    claiming = Claiming(timetable(), 90, 30)
    claiming.run(berlin("2027-09-24 19:00"), timedelta(seconds=1))
    check_made_good(claiming, 90)
    assert claiming.sent[0].date() == date(2027, 9, 27)
    assert claiming.postponed == 90  # once each


@settings(max_examples=40, deadline=None)
@given(
    letters_per_hour=st.integers(1, 90),
    count=st.integers(1, 250),
    down=st.timedeltas(timedelta(0), timedelta(days=4)),
    every=st.timedeltas(timedelta(milliseconds=200), timedelta(minutes=10)),
)
def test_whatever_the_delay_no_hour_holds_more_than_the_budget_and_every_letter_leaves(
    letters_per_hour: int, count: int, down: timedelta, every: timedelta
) -> None:
    claiming = Claiming(timetable(), count, letters_per_hour)
    claiming.run(berlin("2027-09-24 09:00") + down, every)
    check_made_good(claiming, count)


def check_made_good(claiming: Claiming, count: int) -> None:
    assert len(claiming.sent) == count
    assert not claiming.queue
    assert claiming.most_in_an_hour() <= claiming.pace
    assert all(claiming.of.is_open(at) for at in claiming.sent)
    # Any hour at all, to the microsecond: at most the letters of one minute more than the budget.
    spare = max(claiming.buckets.values())
    for i, at in enumerate(claiming.sent):
        assert bisect_left(claiming.sent, at + timedelta(hours=1)) - i <= claiming.pace + spare
