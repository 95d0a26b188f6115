"""A lease is looked for among the few rows that are on the wire or in doubt; it needs no index of its own."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.drop_index("ix_outbox_lease", table_name="outbox")
