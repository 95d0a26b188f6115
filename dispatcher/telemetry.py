"""The service's own log: events in the past tense with fields, one JSON object a line, on stderr. Home of structlog.

Only ids, counts and classes of errors go into it: no name, address, word of a letter or text of an error. Whoever
calls it must see to that; what slips through is caught here: a field that is not on the list below is dropped (its
name is told), and so is what looks like a mailbox.
"""

import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict

# Fields that never carry anything personal. A new one is added here, after a thought about what may stand in it.
FIELDS = frozenset(
    {
        "event", "level", "timestamp",
        "attempts", "block", "blocks", "campaign", "channel", "code", "count", "courier", "couriers", "delivery", "digest",
        "enhanced_code", "error", "finding", "held", "host", "incoming", "kind", "lease", "letter", "lifted",
        "mission", "mode", "move", "number", "outcome", "port", "problem", "reason", "relay", "rows", "scope", "seconds",
        "state", "tick", "until", "version",
    }
)  # fmt: skip
_EVENT = re.compile(r"[a-z][a-z0-9_]{2,60}")
_MAILBOX = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
# Longer than any sentence of ours; what is longer was written by somebody else.
_LONGEST = 300


def without_personal_data(_logger: object, _method: str, event: EventDict) -> EventDict:
    """The safety net, as a structlog processor."""
    kept = {name: _harmless(value) for name, value in event.items() if name in FIELDS}
    dropped = sorted(name for name in event if name not in FIELDS)
    if dropped:
        kept["dropped_fields"] = dropped
    if not _EVENT.fullmatch(str(event.get("event", ""))):
        kept["event"] = "unnamed_event"  # a sentence instead of a name: nobody knows what stands in it
    return kept


def _harmless(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_harmless(each) for each in value]
    return _MAILBOX.sub("[mailbox]", str(value))[:_LONGEST]


structlog.configure(
    processors=[
        without_personal_data,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ],
    logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    cache_logger_on_first_use=False,
)

log = structlog.get_logger()
