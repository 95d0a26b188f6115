"""The review set in the database. A row's key is drawn by chance: neither it nor the order tells when, or by whom."""

from collections.abc import Iterator, Sequence
from uuid import uuid4

from sqlalchemy import Connection, insert, select

from dispatcher.adapters.database.schema import reviewed_sentences
from dispatcher.services.review_set import ReviewedSentence


class ReviewSetTable:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, sentences: Sequence[ReviewedSentence]) -> None:
        if sentences:
            self._connection.execute(
                insert(reviewed_sentences),
                [
                    {
                        "id": uuid4().hex,
                        "language": each.language,
                        "label": each.label,
                        "rules": ",".join(each.rules),
                        "words": each.text,
                    }
                    for each in sentences
                ],
            )

    def all(self) -> Iterator[ReviewedSentence]:
        for row in self._connection.execute(select(reviewed_sentences).order_by(reviewed_sentences.c.id)):
            yield ReviewedSentence(
                id=row.id,
                language=row.language,
                text=row.words,
                label=row.label,
                rules=tuple(row.rules.split(",")),
            )
