"""What all tables share: their registry, with the names of its keys and indexes, and the type of their numbers."""

from sqlalchemy import BigInteger, Integer, MetaData

# SQLite numbers rows by itself only where the key is plain INTEGER.
Key = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
