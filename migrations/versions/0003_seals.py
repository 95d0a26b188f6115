"""Blocks of the log, each sealed with the hash of the one before."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "seals",
        sa.Column("number", key, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("first_move", key, nullable=False),
        sa.Column("last_move", key, nullable=False),
        sa.Column("moves", sa.Integer(), nullable=False),
        sa.Column("first_attempt", key, nullable=False),
        sa.Column("last_attempt", key, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_delivery", key, nullable=False),
        sa.Column("last_delivery", key, nullable=False),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=16), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_seals")),
    )
