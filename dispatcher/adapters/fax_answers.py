"""What the carriers' adapters share: the kinds of answers to an order, and what stands in an HTTP answer."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from dispatcher.domain.fax_result import CallEnd
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.services.fax_carrier import Submission

# No carrier asks for more in earnest; a typing error in a header must not stop the faxes for a day.
_LONGEST_REST = timedelta(hours=1)
_DIGITS = 9


def taken(words: str, provider_ref: str, code: int) -> Submission:
    return Submission(
        outcome=Outcome(kind=OutcomeKind.ACCEPTED, code=code, reply=words, provider_ref=provider_ref)
    )


def our_fault(words: str, code: int | None = None, rest: timedelta | None = None) -> Submission:
    """Nothing was taken, and the letter has nothing to do with it."""
    outcome = Outcome(
        kind=OutcomeKind.DEFERRED, code=code, enhanced_code=CallEnd.OUR_SIDE.value, reply=words, relay=True
    )
    return Submission(outcome=outcome, end=CallEnd.OUR_SIDE, rest=rest)


def never(words: str, code: int | None, end: CallEnd) -> Submission:
    """This number will not do."""
    outcome = Outcome(kind=OutcomeKind.REFUSED, code=code, enhanced_code=end.value, reply=words)
    return Submission(outcome=outcome, end=end)


def nobody_knows(words: str, code: int | None = None, rest: timedelta | None = None) -> Submission:
    return Submission(outcome=Outcome(kind=OutcomeKind.UNKNOWN, code=code, reply=words), rest=rest)


def retry_after(text: str | None) -> timedelta | None:
    """RFC 9110 10.2.3, in seconds; as a date it is read as a minute."""
    if text is None:
        return None
    return min(timedelta(seconds=number(text) or 60), _LONGEST_REST)


def json_object(text: str) -> Mapping[str, Any] | None:
    """None where it is anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def number(value: object) -> int | None:
    text = str(value).strip() if value is not None else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else None
