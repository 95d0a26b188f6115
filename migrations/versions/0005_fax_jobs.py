"""The calls that a fax carrier was asked to make, and when organizers were last alerted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "fax_jobs",
        sa.Column("id", key, nullable=False),
        sa.Column("outbox", key, nullable=False),
        sa.Column("carrier", sa.String(length=12), nullable=False),
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("fetched_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("ended", sa.String(length=12), nullable=True),
        sa.ForeignKeyConstraint(["outbox"], ["outbox.id"], name=op.f("fk_fax_jobs_outbox_outbox")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fax_jobs")),
        sa.UniqueConstraint("reference", name=op.f("uq_fax_jobs_reference")),
    )
    op.create_index(op.f("ix_fax_jobs_outbox"), "fax_jobs", ["outbox"])
    op.create_index(
        "ix_fax_jobs_open",
        "fax_jobs",
        ["number"],
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "alerts",
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_alerts")),
    )
