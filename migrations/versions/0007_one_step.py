"""What is written for every letter that is sent is written in fewer places.

A lease is looked for among the few rows that are on the wire or in doubt; it needs no index of its own. An attempt is
written where its delivery was just changed; the foreign key made PostgreSQL lock that row again for each.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_UNDECIDED = sa.text("approved_at IS NULL AND closed_at IS NULL")


def upgrade() -> None:
    op.drop_index("ix_outbox_lease", table_name="outbox")
    op.drop_index("ix_letters_state_submitted_at", table_name="letters")
    op.create_index(
        "ix_letters_undecided",
        "letters",
        ["submitted_at"],
        sqlite_where=_UNDECIDED,
        postgresql_where=_UNDECIDED,
    )
    with op.batch_alter_table("attempts") as attempts:
        attempts.drop_constraint("fk_attempts_outbox_outbox", type_="foreignkey")
    if op.get_bind().dialect.name == "postgresql":
        # Room beside each letter for itself once it is dispatched.
        op.execute("ALTER TABLE letters SET (fillfactor = 50)")
