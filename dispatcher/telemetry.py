"""The service's own log: events in the past tense with fields, one JSON object a line, on stderr. Home of structlog.

Only ids, counts and classes of errors go into it: no name, address, word of a letter or text of an error.
"""

import sys

import structlog

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ],
    logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    cache_logger_on_first_use=False,
)

log = structlog.get_logger()
