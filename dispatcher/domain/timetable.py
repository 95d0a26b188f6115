"""When letters are due: office hours in a mission's own zone, evenly spaced slots, and the hourly budget.

A letter gets its slot when it is scheduled. When the courier claims what is due it asks once more, since a
service that was down has more letters due than the mission's hour can take:

    sent = sent_in_last_hour(buckets, now)
    fit = admit(len(claimed), sent, letters_per_hour) if timetable.is_open(now) else 0
    later = next_room(buckets_with_those_let_through, now, letters_per_hour)
    due = [postpone(timetable, now, queued + k, letters_per_hour, later) for k in range(len(claimed) - fit)]
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from dispatcher.domain.campaign import OfficeHours
from dispatcher.domain.errors import DispatcherError

# The sliding hour in buckets: this minute and the 59 before it.
MINUTES_COUNTED = 60
# A mission that has waited gets at most this stretch of letters at once, the others follow at their pace: a
# small office's mail server takes a handful and greylists a flood. It also lets a courier that looks only
# every ten minutes keep the pace.
AT_ONCE = timedelta(minutes=10)

_HOUR = 3_600_000_000  # microseconds: slots are computed in whole ones, so that no rounding adds up
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_WEEK = 7
_DAYS_AT_FIRST = 8  # office days found at first; most missions' letters fit into fewer


class ImpossibleOfficeHours(DispatcherError):
    """Office hours from {opens} to {closes} are never open. Let them close later than they open; 00:00 as the
    closing time is midnight."""


class NoWorkingDay(DispatcherError):
    """A weekend of all seven days leaves no day to send on. Leave at least one weekday out of it."""


class ImpossiblePace(DispatcherError):
    """{letters_per_hour} letters an hour is no pace. Set at least 1; to stop a mission, pause it."""


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """The office days of one mission from an action day on.

    The action day is an office day whatever weekday it is; later days are, unless they fall on `weekend` (ISO
    weekdays, 1 = Monday). Before the action day's opening the office is never open. All answers are UTC.
    Keep one per mission: it remembers the days it has found, and may be shared among threads.

    Raises ImpossibleOfficeHours, NoWorkingDay, and zoneinfo.ZoneInfoNotFoundError at the first question.
    """

    zone: str
    hours: OfficeHours
    weekend: frozenset[int]
    action_day: date

    def __post_init__(self) -> None:
        _check_hours(self.hours)
        if self.weekend >= frozenset(range(1, _WEEK + 1)):
            raise NoWorkingDay

    def is_open(self, at: datetime) -> bool:
        """Whether a letter may leave at `at`. The opening moment is open, the closing moment is not."""
        return self.next_open(at) == at.astimezone(UTC)

    def next_open(self, at: datetime) -> datetime:
        """`at` itself when the office is open, else the next opening; never before the action day's."""
        days = self._days.until(at)
        index = bisect_right(days.opens, at) - 1
        if index >= 0 and at < days.closes[index]:
            return at.astimezone(UTC)
        return days.opens[index + 1]

    def slot(self, n: int, letters_per_hour: int, not_before: datetime | None = None) -> datetime:
        """When the mission's n-th letter (0-based) is due.

        Slots start with the action day's opening and follow each other by 3600 / letters_per_hour seconds;
        each office day starts anew at its opening, and its last slot lies before its closing. With
        `not_before`, n counts from the first of these slots that is not earlier: give as n how many of the
        mission's letters are already due at or after it, and the new letter comes behind them. Raises
        ImpossiblePace.
        """
        days = self._days
        if not_before is not None:
            n += days.slots_before(not_before, letters_per_hour)
        slots = days.reaching(n, letters_per_hour)
        index = bisect_right(slots.first, n) - 1
        after_opening = timedelta(microseconds=(n - slots.first[index]) * _HOUR // letters_per_hour)
        return slots.windows.opens[index] + after_opening

    def finish(self, count: int, letters_per_hour: int) -> datetime:
        """When the last of `count` letters is due; with no letters, the opening."""
        return self.slot(max(count - 1, 0), letters_per_hour)

    @cached_property
    def _days(self) -> "_OfficeDays":
        return _OfficeDays(self)


def office_window(day: date, zone: str, hours: OfficeHours) -> tuple[datetime, datetime]:
    """Opening and closing of that day in UTC: at each moment between them the wall clock shows office hours.

    Hours that touch a change of the clock shrink to the unbroken stretch inside them: an opening or closing
    that the clock skips is the moment of the change; of a time that comes twice, opening is the second and
    closing the first. Where nothing is left (both skipped) both are the same moment. Raises
    ImpossibleOfficeHours and zoneinfo.ZoneInfoNotFoundError.
    """
    _check_hours(hours)
    tz = ZoneInfo(zone)
    opens = datetime.combine(day, hours.opens, tz)
    closes = datetime.combine(day + _DAY if hours.closes == time.min else day, hours.closes, tz)
    opening, closing = _opening(opens), _closing(closes)
    if opening > closing:  # both lie in the hour that comes twice: its first turn is office hours as well
        opening = opens.astimezone(UTC)
    return opening, closing


def admit(waiting: int, sent_last_hour: int, letters_per_hour: int) -> int:
    """How many of a mission's `waiting` letters may leave now, the office being open: as many as the hour's
    budget has left, and no more at once than AT_ONCE is worth (but one always)."""
    at_once = max(1, -(-letters_per_hour * int(AT_ONCE.total_seconds()) // 3600))
    return max(0, min(waiting, letters_per_hour - sent_last_hour, at_once))


def postpone(
    timetable: Timetable, now: datetime, k: int, letters_per_hour: int, free_from: datetime
) -> datetime:
    """The new due time of a letter that did not fit: a slot of the timetable, later than `now`.

    free_from: when the budget has room again (`next_room`). k: the letter's place among those that do not
    fit (0-based) plus the number of the mission's letters already queued for `free_from` or later. So overdue
    letters line up behind those on time, hardly any is put off twice, and the mission is served at its pace.
    """
    return timetable.slot(k, letters_per_hour, max(free_from, now + _MICROSECOND))


def minute_of(at: datetime) -> int:
    """The bucket of a moment: whole minutes since 1970-01-01 UTC."""
    return int(at.timestamp() // 60)


def sent_in_last_hour(buckets: Mapping[int, int], now: datetime) -> int:
    """How many letters of a mission were let through in the sliding hour, by `minute_of` bucket.

    Letting through at most what `admit` says keeps every 60 consecutive clock minutes within the budget. An
    hour that starts in mid-minute touches 61 of them and may hold the letters of one minute more. Buckets up
    to an hour ahead count as well: a clock that was put back must not grant a second budget.
    """
    this = minute_of(now)
    return sum(count for minute, count in buckets.items() if abs(minute - this) < MINUTES_COUNTED)


def next_room(buckets: Mapping[int, int], now: datetime, letters_per_hour: int) -> datetime:
    """The first moment at which one more letter fits into the sliding hour; `now` when it does already."""
    this = minute_of(now)
    excess = sent_in_last_hour(buckets, now) - letters_per_hour
    for minute in sorted(minute for minute in buckets if abs(minute - this) < MINUTES_COUNTED):
        if excess < 0:
            break
        excess -= buckets[minute]
        now = datetime.fromtimestamp((minute + MINUTES_COUNTED) * 60, UTC)
    return now


@dataclass(frozen=True)
class _Windows:
    """Openings and closings of the first office days, and the date after the last of them."""

    opens: tuple[datetime, ...]
    closes: tuple[datetime, ...]
    next_date: date


@dataclass(frozen=True)
class _Slots:
    """first: for each window the number of its first slot, and at the end the number of all slots."""

    windows: _Windows
    first: tuple[int, ...]


class _OfficeDays:
    """Office days and, for each pace, their slots, as far ahead as anyone has asked.

    What was found is replaced whole, never changed: threads that look further at once find the same.
    """

    def __init__(self, timetable: Timetable) -> None:
        self._timetable = timetable
        self._windows = _Windows((), (), timetable.action_day)
        self._slots: dict[int, _Slots] = {}

    def until(self, at: datetime) -> _Windows:
        """At least one day that opens after `at`."""
        windows = self._windows
        while not windows.opens or windows.opens[-1] <= at:
            windows = self._further(windows)
        return windows

    def reaching(self, n: int, letters_per_hour: int) -> _Slots:
        """The slots of at least as many days as it takes to hold number n."""
        slots = self._slots.get(letters_per_hour)
        if slots is None:
            slots = self._count(self._windows, letters_per_hour)
        while slots.first[-1] <= n:
            slots = self._count(self._further(slots.windows), letters_per_hour)
        return slots

    def slots_before(self, at: datetime, letters_per_hour: int) -> int:
        """How many slots lie before `at`."""
        windows = self.until(at)
        index = bisect_left(windows.opens, at) - 1
        if index < 0:
            return 0
        opens, closes = windows.opens[index], windows.closes[index]
        slots = self._slots.get(letters_per_hour)
        if slots is None or len(slots.first) <= index:
            slots = self._count(windows, letters_per_hour)
        return slots.first[index] + _slots_within(min(at, closes) - opens, letters_per_hour)

    def _further(self, windows: _Windows) -> _Windows:
        """Twice as many days."""
        timetable, day = self._timetable, windows.next_date
        opens, closes = list(windows.opens), list(windows.closes)
        wanted = max(2 * len(opens), _DAYS_AT_FIRST)
        while len(opens) < wanted:
            if day == timetable.action_day or day.isoweekday() not in timetable.weekend:
                opening, closing = office_window(day, timetable.zone, timetable.hours)
                if opening < closing:
                    opens.append(opening)
                    closes.append(closing)
            day += _DAY
        self._windows = _Windows(tuple(opens), tuple(closes), day)
        return self._windows

    def _count(self, windows: _Windows, letters_per_hour: int) -> _Slots:
        if letters_per_hour < 1:
            raise ImpossiblePace(letters_per_hour=letters_per_hour)
        first = [0]
        for opening, closing in zip(windows.opens, windows.closes, strict=True):
            first.append(first[-1] + _slots_within(closing - opening, letters_per_hour))
        slots = _Slots(windows, tuple(first))
        self._slots[letters_per_hour] = slots
        return slots


def _slots_within(stretch: timedelta, letters_per_hour: int) -> int:
    """Slots from an opening on and before its end: that many steps, rounded up."""
    return -(-(stretch // _MICROSECOND) * letters_per_hour // _HOUR)


def _check_hours(hours: OfficeHours) -> None:
    if hours.closes != time.min and hours.closes <= hours.opens:
        raise ImpossibleOfficeHours(opens=hours.opens, closes=hours.closes)


def _opening(wall: datetime) -> datetime:
    first, second = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
    if first == second:
        return first
    change = _clock_change(wall)
    if first > second:
        return change
    # Put back to the opening time itself (midnight, in Havana): the office is open from the first turn on.
    put_back_to = change.astimezone(wall.tzinfo).replace(fold=0)
    return first if put_back_to == wall else second


def _closing(wall: datetime) -> datetime:
    first, second = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
    return _clock_change(wall) if first > second else first


def _clock_change(wall: datetime) -> datetime:
    """The change by which `wall` is skipped or comes twice; it lies between its two readings (PEP 495)."""
    before, after = sorted(int(wall.replace(fold=fold).timestamp()) for fold in (0, 1))

    def offset(second: int) -> timedelta | None:
        return datetime.fromtimestamp(second, wall.tzinfo).utcoffset()

    seconds = range(before + 1, after + 1)
    return datetime.fromtimestamp(
        seconds[bisect_left(seconds, True, key=lambda second: offset(second) != offset(before))], UTC
    )
