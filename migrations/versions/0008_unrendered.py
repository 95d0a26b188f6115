"""What waits to be rendered is found without looking through the queue, also where the database has no statistics."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_UNRENDERED = sa.text("rendering IS NULL AND awaits = 'queued'")


def upgrade() -> None:
    op.drop_index("ix_outbox_unrendered", table_name="outbox")
    op.create_index(
        "ix_outbox_unrendered",
        "outbox",
        ["awaits", "due_at"],
        sqlite_where=_UNRENDERED,
        postgresql_where=_UNRENDERED,
    )
