"""The tables of the directory: missions, their contacts, and what was changed when."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, String, Table, Text, false

from dispatcher.adapters.database.naming import Key, metadata
from dispatcher.adapters.database.types import Instant

missions = Table(
    "missions",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("country", String(2), nullable=False, index=True),
    Column("country_name", Text, nullable=False),
    Column("region", String(8)),
    Column("city", Text, nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("website", Text, nullable=False),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("source", Text, nullable=False),
    Column("source_date", String(40), nullable=False),
    Column("confidence", String(10), nullable=False),
    Column("weekend", String(20), nullable=False),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("mission", String(60), ForeignKey("missions.id"), nullable=False, index=True),
    Column("kind", String(10), nullable=False),
    Column("value", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("grade", String(1), nullable=False),
    Column("source", Text, nullable=False),
    Column("as_of", Text, nullable=False),
    Column("used", Boolean, nullable=False),
    Column("valid", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("health", String(10), nullable=False),
    # Set by an organizer rather than read from the files: an import leaves these alone.
    Column("by_hand", Boolean, nullable=False, server_default=false()),
)

# The parts of the directory that are only ever read whole (districts, coverings, territories, split cities,
# closures, sources), each as one JSON document.
directory_parts = Table(
    "directory_parts",
    metadata,
    Column("part", String(30), primary_key=True),
    Column("content", Text, nullable=False),
)

# Every change of the directory, by import or by hand; the newest id is its version.
directory_changes = Table(
    "directory_changes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", Instant, nullable=False),
    # Of the imported files; NULL for a change by hand.
    Column("digest", String(64)),
    Column("summary", Text, nullable=False),
)
