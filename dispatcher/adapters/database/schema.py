"""The tables. Personal data stands only in Sealed columns; what organizers search by stands in the clear.

`outbox` is the queue and the log in one: a row is one letter on its way by one channel (kind 'letter') or one
mail to a supporter (kind 'notice'). `moves` and `attempts` are append-only.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    false,
    text,
    true,
)

from dispatcher.adapters.database.naming import Key, metadata
from dispatcher.adapters.database.types import Instant, Sealed, SealedBytes

# --- people and letters -------------------------------------------------------------------------------------

# Submitted, confirmed or in review. As `OPEN` below: queries must say it word for word.
UNDECIDED = text("approved_at IS NULL AND closed_at IS NULL")

letters = Table(
    "letters",
    metadata,
    Column("id", Key, primary_key=True),
    Column("campaign", String(80), nullable=False),
    Column("action_day", Date, nullable=False),
    Column("state", String(12), nullable=False),
    Column("source", String(10), nullable=False),
    # The blind index of the supporter's mailbox; NULL once erased.
    Column("person", LargeBinary(32), index=True),
    Column("country", String(2), nullable=False),
    Column("region", String(8)),
    Column("language", String(8), nullable=False),
    Column("shielded", Boolean, nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("asked_for_person", Boolean, nullable=False),
    # The mission it is for, or the reason that none is: with the person, what makes two letters the same.
    Column("mission", String(60), nullable=False),
    # What an organizer chose where the place does not decide.
    Column("chosen_mission", String(60)),
    # The form's own idempotency key: a double click or a second tab gives the same letter.
    Column("form_key", String(64), unique=True),
    # Whether the letter stands (domain.letter.STANDING). Beside the state, as `live` in the outbox: the index of
    # standing letters lies in the order of persons, and to write it for every dispatched one would cost most of all.
    Column("stands", Boolean, nullable=False, server_default=false()),
    Column("submitted_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    Column("approved_at", Instant),
    Column("reminded_at", Instant),
    Column("closed_at", Instant),
    # Not by the state: on PostgreSQL a row whose change concerns no index is written in place.
    Index("ix_letters_undecided", "submitted_at", sqlite_where=UNDECIDED, postgresql_where=UNDECIDED),
    Index(
        "uq_letters_standing",
        "campaign",
        "action_day",
        "person",
        "mission",
        unique=True,
        sqlite_where=text("stands"),
        postgresql_where=text("stands"),
    ),
)

# What was written, apart from what became of it: a row that changes its state is written anew as a whole.
writings = Table(
    "writings",
    metadata,
    Column("letter", Key, ForeignKey("letters.id"), primary_key=True, autoincrement=False),
    Column("name", Sealed("letters.name")),
    Column("email", Sealed("letters.email")),
    Column("organisation", Sealed("letters.organisation")),
    Column("city", Sealed("letters.city")),
    Column("subject", Sealed("letters.subject")),
    Column("text", Sealed("letters.text")),
    Column("findings", Sealed("letters.findings")),
    Column("route_reason", Sealed("letters.route_reason")),
)

# --- outbox and log -----------------------------------------------------------------------------------------

RENDERED = SealedBytes("renderings.content")

renderings = Table(
    "renderings",
    metadata,
    Column("id", Key, primary_key=True),
    Column("media_type", String(40), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("content", RENDERED),
    # Digests of the enclosures that are joined at the moment of sending, separated by spaces.
    Column("enclosures", Text, nullable=False),
    Column("pages", Integer),
    Column("at", Instant, nullable=False),
)

# What partial indexes hold. A planner takes such an index only for a query with the same words in it.
_UNRENDERED = text("rendering IS NULL")
_AWAITED = text("awaits IS NOT NULL")

outbox = Table(
    "outbox",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("letter", Key, ForeignKey("letters.id"), nullable=False, index=True),
    Column("notice", String(16)),
    Column("campaign", String(80), nullable=False),
    Column("mission", String(60)),
    Column("channel", String(8)),
    # From the directory, never from a supporter; a notice has none and goes to its letter's own writer.
    Column("recipient", Text),
    # As in the log: queued also while it is on the wire (see queue_table).
    Column("state", String(10), nullable=False),
    Column("reason", String(24)),
    Column("due_at", Instant, nullable=False),
    Column("first_try_at", Instant),
    # Of the try that is in doubt. What was accepted may keep it.
    Column("lease", String(32)),
    Column("message_id", Text, nullable=False, unique=True),
    Column("rendering", Key, ForeignKey("renderings.id")),
    Column("tries", Integer, nullable=False, server_default="0"),
    # Released by hand at any hour: the mission's office hours do not hold it back, its pacing does.
    Column("any_hour", Boolean, nullable=False, server_default=false()),
    # False once the delivery has ended without its letter having arrived (domain.delivery.LIVE). Beside the state, so
    # that the index of live letters is written only where a letter's road ends, not with every step.
    Column("live", Boolean, nullable=False, server_default=true()),
    # The state where somebody looks for it (domain.delivery.AWAITED), NULL for what is queued, on the wire or accepted: so
    # "accepted" concerns no index, and PostgreSQL writes it in place.
    Column("awaits", String(10)),
    Column("created_at", Instant, nullable=False),
    Column("moved_at", Instant, nullable=False),
    # Each index holds only the rows that are looked for by it: most letters have arrived, and every index that a step
    # concerns costs as much as the row.
    Index(
        "ix_outbox_awaits_kind_due_at",
        "awaits",
        "kind",
        "due_at",
        sqlite_where=_AWAITED,
        postgresql_where=_AWAITED,
    ),
    # A letter is never on two channels at once: the database itself says no.
    Index(
        "uq_outbox_live",
        "letter",
        unique=True,
        sqlite_where=text("live AND kind = 'letter'"),
        postgresql_where=text("live AND kind = 'letter'"),
    ),
    Index(
        "uq_outbox_notice",
        "letter",
        "notice",
        unique=True,
        # One of each kind; but a letter can be answered more than once.
        sqlite_where=text("kind = 'notice' AND notice <> 'answer'"),
        postgresql_where=text("kind = 'notice' AND notice <> 'answer'"),
    ),
)

# Who waits to be sent; see queue_table. All that stands here is the outbox's: what claiming and sending need of it.
queue = Table(
    "queue",
    metadata,
    # No foreign keys, as with `attempts`: they would lock the delivery's row, which was just written.
    Column("delivery", Key, primary_key=True, autoincrement=False),
    Column("kind", String(8), nullable=False),
    Column("letter", Key, nullable=False),
    Column("notice", String(16)),
    Column("campaign", String(80), nullable=False),
    Column("mission", String(60)),
    Column("channel", String(8)),
    Column("recipient", Text),
    Column("due_at", Instant, nullable=False),
    Column("rendering", Key),
    Column("any_hour", Boolean, nullable=False),
    # The mission stands in it to be counted by.
    Index("ix_queue_kind_due_at", "kind", "due_at", "mission"),
    Index("ix_queue_unrendered", "due_at", sqlite_where=_UNRENDERED, postgresql_where=_UNRENDERED),
)

# A courier's batch on the wire: from when and until when it is alone with it, and which deliveries it holds (a JSON list of
# ids).
leases = Table(
    "leases",
    metadata,
    Column("lease", String(32), primary_key=True),
    Column("courier", String(32), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("deliveries", Text, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Key, primary_key=True),
    # No foreign key: PostgreSQL would lock the delivery's row anew for each, and the transaction that writes an attempt
    # has just changed that row. `dispatcher audit` asks for attempts of nobody.
    Column("outbox", Key, nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("code", Integer),
    Column("enhanced_code", String(12)),
    Column("reply", Sealed("attempts.reply")),
    Column("provider_ref", Text),
)

moves = Table(
    "moves",
    metadata,
    Column("id", Key, primary_key=True),
    Column("subject", String(8), nullable=False),
    Column("subject_id", Key, nullable=False),
    Column("old", String(12)),
    Column("new", String(12), nullable=False),
    Column("reason", String(24)),
    Column("note", Sealed("moves.note")),
    Column("by", String(40), nullable=False),
    Column("at", Instant, nullable=False),
    # The number alone: a letter and a delivery of one number have a few rows each, and the kind's name in it would double it.
    Index("ix_moves_subject_id", "subject_id"),
)

# The calls that a fax carrier was asked to make, one a try; see services.fax_jobs.
fax_jobs = Table(
    "fax_jobs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("outbox", Key, ForeignKey("outbox.id"), nullable=False, index=True),
    Column("carrier", String(12), nullable=False),
    # Random; the carrier is told this and nothing else about the letter.
    Column("reference", String(32), nullable=False, unique=True),
    Column("number", Text, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("provider_ref", Text),
    # The carrier's own word for how far it is.
    Column("status", Text, nullable=False),
    Column("asked_at", Instant),
    Column("fetched_at", Instant),
    Column("closed_at", Instant),
    Column("ended", String(12)),
    Index(
        "ix_fax_jobs_open",
        "number",
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)

# When organizers were last told of each kind of trouble.
alerts = Table(
    "alerts",
    metadata,
    Column("kind", String(24), primary_key=True),
    Column("told_at", Instant, nullable=False),
)

enclosures = Table(
    "enclosures",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("part", LargeBinary, nullable=False),
)

# Blocks of the log, each with the hash of the one before; see domain.sealing.
seals = Table(
    "seals",
    metadata,
    Column("number", Key, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("first_move", Key, nullable=False),
    Column("last_move", Key, nullable=False),
    Column("moves", Integer, nullable=False),
    Column("first_attempt", Key, nullable=False),
    Column("last_attempt", Key, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_delivery", Key, nullable=False),
    Column("last_delivery", Key, nullable=False),
    Column("deliveries", Integer, nullable=False),
    # Keeps the hashed names of persons from being guessed; it is not exported.
    Column("salt", LargeBinary(16), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

# --- mail that comes back -----------------------------------------------------------------------------------

incoming = Table(
    "incoming",
    metadata,
    Column("id", Key, primary_key=True),
    # SHA-256 of the mail: one that is picked up twice is kept once.
    Column("digest", String(64), nullable=False, unique=True),
    Column("outbox", Key, ForeignKey("outbox.id"), index=True),
    Column("kind", String(16), nullable=False),
    # RFC 3463 of a report; empty where there is none.
    Column("status", String(12), nullable=False),
    # In our own words: what a person should know who looks at it.
    Column("why", Sealed("incoming.why"), nullable=False),
    # Its own Message-ID: an answer that comes to two of our mailboxes is passed on once.
    Column("message_id", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("content", SealedBytes("incoming.content")),
    Column("settled_at", Instant),
    Column("settled_by", String(40)),
    # The notice that took an answer to the supporter.
    Column("passed_on", Key, ForeignKey("outbox.id")),
    Index("ix_incoming_kind_settled_at", "kind", "settled_at"),
)

# --- pacing, pauses, couriers -------------------------------------------------------------------------------

# How many slots of a mission's timetable are given away.
slots = Table(
    "slots",
    metadata,
    Column("campaign", String(80), primary_key=True),
    Column("action_day", Date, primary_key=True),
    Column("mission", String(60), primary_key=True),
    Column("taken", Integer, nullable=False),
)

# How many letters of a mission were let through in a minute (minutes since 1970), over all channels.
pace = Table(
    "pace",
    metadata,
    Column("mission", String(60), primary_key=True),
    Column("minute", BigInteger, primary_key=True),
    Column("used", Integer, nullable=False),
    Index("ix_pace_minute", "minute"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("scope", String(10), primary_key=True),
    Column("key", String(80), primary_key=True),
    Column("since", Instant, nullable=False),
    Column("by", String(40), nullable=False),
    Column("reason", Text, nullable=False),
)

couriers = Table(
    "couriers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("host", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
)

# --- organizers ---------------------------------------------------------------------------------------------

organizers = Table(
    "organizers",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", String(10), nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

# One-time links and sessions, both kept only as SHA-256 of their token.
keys = Table(
    "keys",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("organizer", Key, ForeignKey("organizers.id"), nullable=False),
    Column("until", Instant, nullable=False),
)

# Nothing here points to a letter or a person.
reviewed_sentences = Table(
    "reviewed_sentences",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("language", String(8), nullable=False),
    Column("label", Integer, nullable=False),
    Column("rules", Text, nullable=False),
    Column("words", Sealed("reviewed_sentences.words"), nullable=False),
)
