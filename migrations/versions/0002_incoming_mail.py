"""Mail that comes back: bounces, automatic replies, answers, and what waits for a person."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "incoming",
        sa.Column("id", key, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("outbox", key, nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("why", sa.LargeBinary(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_by", sa.String(length=40), nullable=True),
        sa.Column("passed_on", key, nullable=True),
        sa.ForeignKeyConstraint(["outbox"], ["outbox.id"], name=op.f("fk_incoming_outbox_outbox")),
        sa.ForeignKeyConstraint(["passed_on"], ["outbox.id"], name=op.f("fk_incoming_passed_on_outbox")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incoming")),
        sa.UniqueConstraint("digest", name=op.f("uq_incoming_digest")),
    )
    op.create_index(op.f("ix_incoming_outbox"), "incoming", ["outbox"])
    op.create_index(op.f("ix_incoming_kind_settled_at"), "incoming", ["kind", "settled_at"])
    # A letter can be answered more than once; of every other kind of notice it has one.
    op.drop_index("uq_outbox_notice", table_name="outbox")
    op.create_index(
        "uq_outbox_notice",
        "outbox",
        ["letter", "notice"],
        unique=True,
        sqlite_where=sa.text("kind = 'notice' AND notice <> 'answer'"),
        postgresql_where=sa.text("kind = 'notice' AND notice <> 'answer'"),
    )
