"""What is written for every letter that is sent is written in fewer places.

What is on the wire is found by the few leases, what somebody waits for by a mark beside the state: so that "accepted"
and "dispatched" concern no index, and PostgreSQL writes them in place. An attempt is written where its delivery was just
changed; the foreign key made PostgreSQL lock that row again for each.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_UNDECIDED = sa.text("approved_at IS NULL AND closed_at IS NULL")
_AWAITED = sa.text("awaits IS NOT NULL")
_QUEUED = sa.text("awaits = 'queued'")
_UNRENDERED = sa.text("rendering IS NULL AND awaits = 'queued'")
_INDEXES = (
    ("ix_outbox_awaits_kind_due_at", ["awaits", "kind", "due_at"], _AWAITED),
    ("ix_outbox_mission_due_at", ["mission", "due_at"], _QUEUED),
    ("ix_outbox_unrendered", ["due_at"], _UNRENDERED),
)


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("lease", sa.String(length=32), nullable=False),
        sa.Column("courier", sa.String(length=32), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("deliveries", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lease", name=op.f("pk_leases")),
    )
    _keep_leases()
    for old in ("lease", "mission_due_at", "unrendered", "state_kind_due_at"):
        op.drop_index(f"ix_outbox_{old}", table_name="outbox")
    op.drop_column("outbox", "lease_until")
    op.drop_column("outbox", "courier")
    op.add_column("outbox", sa.Column("awaits", sa.String(length=10), nullable=True))
    op.execute(
        "UPDATE outbox SET awaits = state WHERE state IN ('held', 'queued', 'in_doubt', 'bounced', 'failed')"
    )
    for name, columns, where in _INDEXES:
        op.create_index(name, "outbox", columns, sqlite_where=where, postgresql_where=where)

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
        # Room beside each row for itself after the next step.
        op.execute("ALTER TABLE letters SET (fillfactor = 50)")
        op.execute("ALTER TABLE outbox SET (fillfactor = 50)")


def _keep_leases() -> None:
    """Of what is on the wire at this moment."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text("SELECT lease, courier, lease_until, id FROM outbox WHERE state = 'sending' ORDER BY id")
    )
    held: dict[tuple[str, str, int], list[int]] = {}
    for lease, courier, until, id in rows:
        held.setdefault((lease, courier, until), []).append(id)
    for (lease, courier, until), ids in held.items():
        connection.execute(
            sa.text("INSERT INTO leases (lease, courier, until, deliveries) VALUES (:l, :c, :u, :d)"),
            {"l": lease, "c": courier, "u": until, "d": json.dumps(ids)},
        )
