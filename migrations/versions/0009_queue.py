"""What waits to be sent stands in a line of its own, which it leaves by one deleted row.

In the outbox it stands as queued until its answer, also while it is on the wire: so the outbox needs no index of what is
queued, and one row of it is written for a letter that is sent where there were two. And the log is found by a smaller index.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_SAME = "kind, letter, notice, campaign, mission, channel, recipient, due_at, rendering, any_hour"
_UNRENDERED = sa.text("rendering IS NULL")


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "queue",
        sa.Column("delivery", key, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("letter", key, nullable=False),
        sa.Column("notice", sa.String(length=16), nullable=True),
        sa.Column("campaign", sa.String(length=80), nullable=False),
        sa.Column("mission", sa.String(length=60), nullable=True),
        sa.Column("channel", sa.String(length=8), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("rendering", key, nullable=True),
        sa.Column("any_hour", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("delivery", name=op.f("pk_queue")),
    )
    op.execute(
        f"INSERT INTO queue (delivery, {_SAME}) SELECT id, {_SAME} FROM outbox WHERE state = 'queued'"  # noqa: S608 - our own names
    )
    op.create_index("ix_queue_kind_due_at", "queue", ["kind", "due_at", "mission"])
    op.create_index(
        "ix_queue_unrendered", "queue", ["due_at"], sqlite_where=_UNRENDERED, postgresql_where=_UNRENDERED
    )
    for old in ("mission_due_at", "unrendered"):
        op.drop_index(f"ix_outbox_{old}", table_name="outbox")
    op.execute("UPDATE outbox SET awaits = NULL WHERE awaits = 'queued'")
    op.drop_index("ix_moves_subject_subject_id", table_name="moves")
    op.create_index("ix_moves_subject_id", "moves", ["subject_id"])
    op.add_column("leases", sa.Column("since", sa.BigInteger(), nullable=False, server_default="0"))
    _take_over_the_leases()


def _take_over_the_leases() -> None:
    """Of what is on the wire at this moment."""
    connection = op.get_bind()
    for lease, written in connection.execute(sa.text("SELECT lease, deliveries FROM leases")).all():
        ids = json.loads(written)
        going = [
            {"id": id, "lease": lease}
            for id in ids
            if connection.execute(
                sa.text("SELECT 1 FROM outbox WHERE id = :id AND lease = :lease AND state = 'sending'"),
                {"id": id, "lease": lease},
            ).scalar()
        ]
        since = 0
        for each in going:
            since = connection.execute(sa.text("SELECT moved_at FROM outbox WHERE id = :id"), each).scalar()
            connection.execute(
                sa.text("UPDATE outbox SET state = 'queued', tries = tries - 1, lease = NULL WHERE id = :id"),
                each,
            )
        # Only what it still has: what has gone back to the queue is no lease's any more.
        connection.execute(
            sa.text("UPDATE leases SET since = :since, deliveries = :ids WHERE lease = :lease"),
            {"since": since, "ids": str([each["id"] for each in going]), "lease": lease},
        )
