"""On PostgreSQL a letter's bytes stand in their row, not in a second table behind it.

PostgreSQL moves what is longer than two kilobytes into a table of its own, in pieces, and puts them together for whoever
reads them: a third more for each letter that is sent (decision 0020). Rows of up to a page stay whole; longer ones move as before.
"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE renderings SET (toast_tuple_target = 8160)")
