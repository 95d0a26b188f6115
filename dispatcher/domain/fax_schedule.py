"""When a fax number is called again, by how the calls before ended, and when it is given up.

HylaFAX's defaults are the template (hylafax-config(5): busy 3 minutes, no answer 5, protocol error 1, at most 12
dials and 3 tries, given up after 3 hours). Waits between busy signals grow, for a machine that prints a long fax
is busy for long; a voice is called once more and then left in peace (47 CFR 68.318(b) bounds automatic redialling).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatcher.domain.fax_result import CallEnd, FaxResult


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call to a number, from the order given to the carrier until its end."""

    at: datetime
    end: CallEnd


def _minutes(*waits: float) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=each) for each in waits)


# After the first, second, ... call that ended so; after the last of them the number is not called again.
WAITS: Mapping[CallEnd, tuple[timedelta, ...]] = {
    CallEnd.BUSY: _minutes(3, 6, 10, 20, 20),
    CallEnd.NO_ANSWER: _minutes(5, 15),
    CallEnd.LINE_ERROR: _minutes(1, 5),
    # The whole letter once more: a page of a letter is no letter.
    CallEnd.PARTIAL: _minutes(5),
    # A person may have taken the receiver; a second call tells, a third would be a nuisance.
    CallEnd.NO_FAX: _minutes(15),
    CallEnd.BAD_NUMBER: (),
    CallEnd.REJECTED: (),
    # It may lie in the tray: a person decides, see FaxSettling.
    CallEnd.UNKNOWN: (),
    # Account, settings, document: costs the letter none of its calls, and is tried until somebody has mended it.
    CallEnd.OUR_SIDE: _minutes(10, 20, 40) + _minutes(60) * 45,
}
MOST_CALLS = 12
GIVE_UP_AFTER = timedelta(hours=3)
# The three hours are a day's: the night, when an office is closed, does not use them up.
_A_NIGHT = timedelta(hours=10)


def next_call(calls: Sequence[Call], now: datetime) -> datetime | None:
    """When to call again after these calls, oldest first, of which the last has just failed; None: give up. The
    answer knows nothing of office hours: the caller moves it there with `Timetable.next_open`."""
    last = calls[-1]
    alike = sum(call.end is last.end for call in calls)
    waits = WAITS.get(last.end, ())
    if alike > len(waits):
        return None
    again = now + waits[alike - 1]
    if last.end is CallEnd.OUR_SIDE:
        return again
    own = [call for call in calls if call.end is not CallEnd.OUR_SIDE]
    if len(own) >= MOST_CALLS or again > _first_of_the_day(own).at + GIVE_UP_AFTER:
        return None
    return again


def judge(end: CallEnd, *, sent: int, confirmed: int | None, words: str) -> FaxResult:
    """What the carrier's word is worth: delivered is a fax of which every page was confirmed. confirmed: None
    where the carrier does not count pages."""
    if end is CallEnd.DELIVERED and confirmed is not None and confirmed < sent:
        end = CallEnd.PARTIAL if confirmed else CallEnd.LINE_ERROR
    elif confirmed and end in {CallEnd.LINE_ERROR, CallEnd.NO_FAX} and confirmed < sent:
        end = CallEnd.PARTIAL
    elif end is CallEnd.UNKNOWN and confirmed is not None and confirmed < sent - 1:
        end = CallEnd.PARTIAL if confirmed else CallEnd.LINE_ERROR  # more than the last page is missing
    pages = "page" if sent == 1 else "pages"
    if confirmed is not None:
        counted = f"{confirmed} of {sent} {pages} confirmed"
    else:
        counted = f"{sent} {pages}, not counted by the carrier" if end is CallEnd.DELIVERED else ""
    said = words.strip().rstrip(".")
    if counted and said == end.value:
        said = ""
    return FaxResult(
        end=end,
        pages_sent=sent,
        pages_confirmed=sent if confirmed is None and end is CallEnd.DELIVERED else confirmed or 0,
        words=". ".join(part[0].upper() + part[1:] for part in (counted, said) if part) + ".",
    )


def _first_of_the_day(calls: Sequence[Call]) -> Call:
    first = calls[-1]
    for call in reversed(calls):
        if first.at - call.at > _A_NIGHT:
            break
        first = call
    return first
