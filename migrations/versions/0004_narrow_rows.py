"""What people wrote moves out of `letters`, and the outbox gets fewer and smaller indexes.

A row that is changed is written anew as a whole, with an entry in every index that its change concerns. So the words
of a letter stand apart from its state, and an index holds only the rows that are looked for by it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_WORDS = ("name", "email", "organisation", "city", "subject", "text", "findings", "route_reason")

_OPEN = sa.text("state NOT IN ('accepted', 'delivered', 'cancelled')")
_LIVE = sa.text("live AND kind = 'letter'")
_QUEUED = sa.text("state = 'queued'")
_LEASED = sa.text("lease IS NOT NULL")
_UNDECIDED = sa.text("state IN ('submitted', 'confirmed', 'in_review')")


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "writings",
        sa.Column("letter", key, autoincrement=False, nullable=False),
        *(sa.Column(word, sa.LargeBinary(), nullable=True) for word in _WORDS),
        sa.ForeignKeyConstraint(["letter"], ["letters.id"], name=op.f("fk_writings_letter_letters")),
        sa.PrimaryKeyConstraint("letter", name=op.f("pk_writings")),
    )
    words = ", ".join(_WORDS)
    op.execute(f"INSERT INTO writings (letter, {words}) SELECT id, {words} FROM letters")  # noqa: S608 - names of our own
    for word in _WORDS:
        op.drop_column("letters", word)
    op.drop_index("ix_letters_mission_state", "letters")
    op.drop_index("ix_letters_state_submitted_at", "letters")
    op.create_index(
        "ix_letters_state_submitted_at",
        "letters",
        ["state", "submitted_at"],
        sqlite_where=_UNDECIDED,
        postgresql_where=_UNDECIDED,
    )

    op.add_column("letters", sa.Column("stands", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE letters SET stands = true WHERE state IN ('confirmed', 'in_review', 'approved', 'dispatched')"
    )
    op.drop_index("uq_letters_standing", "letters")
    op.create_index(
        "uq_letters_standing",
        "letters",
        ["campaign", "action_day", "person", "mission"],
        unique=True,
        sqlite_where=sa.text("stands"),
        postgresql_where=sa.text("stands"),
    )

    op.add_column("outbox", sa.Column("live", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.execute("UPDATE outbox SET live = false WHERE state IN ('bounced', 'failed', 'cancelled')")
    for index in ("uq_outbox_live", "ix_outbox_mission_state", "ix_outbox_courier_state"):
        op.drop_index(index, "outbox")
    op.drop_index("ix_outbox_state_kind_due_at", "outbox")
    op.create_index(
        "ix_outbox_state_kind_due_at",
        "outbox",
        ["state", "kind", "due_at"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index(
        "uq_outbox_live", "outbox", ["letter"], unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE
    )
    op.create_index(
        "ix_outbox_mission_due_at",
        "outbox",
        ["mission", "due_at"],
        sqlite_where=_QUEUED,
        postgresql_where=_QUEUED,
    )
    op.create_index("ix_outbox_lease", "outbox", ["lease"], sqlite_where=_LEASED, postgresql_where=_LEASED)
