"""Lines as Postfix 3 writes them for one mail."""

from datetime import datetime

QUEUE, SECOND_QUEUE = "4TZ8xk0sWcz9vKq", "4TZ8xl2Q4nz9vKr"


def stamped(at: datetime, program: str, rest: str) -> str:
    """RFC 3339, as rsyslog writes it today."""
    return f"{at.isoformat()} relay postfix/{program}[4711]: {rest}"


def old_stamped(at: datetime, program: str, rest: str) -> str:
    """The stamp of RFC 3164, in the relay's own time."""
    return f"{at:%b} {at.day:2d} {at:%H:%M:%S} relay postfix/{program}[4711]: {rest}"


def begun(message_id: str, queue: str = QUEUE) -> list[tuple[str, str]]:
    return [
        ("submission/smtpd", f"{queue}: client=app.campaign.example.org[192.0.2.10], sasl_method=PLAIN"),
        ("cleanup", f"{queue}: message-id={message_id}"),
    ]


def taken(message_id: str, queue: str = QUEUE) -> list[tuple[str, str]]:
    return [
        *begun(message_id, queue),
        ("qmgr", f"{queue}: from=<bounce+1@x.example>, size=2345, nrcpt=1 (queue active)"),
    ]


def tried(recipient: str, status: str, words: str, *, dsn: str, queue: str = QUEUE) -> tuple[str, str]:
    return (
        "smtp",
        f"{queue}: to=<{recipient}>, relay=mx.nl.mission.example[192.0.2.7]:25, delay=1.2, delays=0.1/0/0.5/0.6, "
        f"dsn={dsn}, status={status} ({words})",
    )


def expired(queue: str = QUEUE) -> tuple[str, str]:
    return "qmgr", f"{queue}: from=<bounce+1@x.example>, status=expired, returned to sender"


def removed(queue: str = QUEUE) -> tuple[str, str]:
    return "qmgr", f"{queue}: removed"
