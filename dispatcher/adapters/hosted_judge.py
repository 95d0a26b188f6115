"""A sentence judge behind an address of one's own: asked by POST, answered with probabilities.

    {"language": "en", "sentences": ["..."]}   ->   {"probabilities": [0.12]}

Off unless an address is set. It is asked only about sentences that the layers here left open, without names, addresses
and figures, and never decides where those layers have not. An answer that is late or odd is no answer.
"""

import http.client
import json
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from dispatcher.services.tone import JudgeUnavailable, Thresholds

_LONGEST_ANSWER = 100_000  # bytes; a probability needs 20
_OK = 200


class HostedJudge:
    """address: https, or http to this machine. seconds: how long one question may take."""

    def __init__(
        self, *, address: str, key: str = "", seconds: float = 3.0, review: float, revise: float
    ) -> None:
        self._parts = urlsplit(address)
        self._key = key
        self._seconds = seconds
        self._thresholds = Thresholds(review=review, revise=revise)

    def thresholds_for(self, language: str) -> Thresholds:
        return self._thresholds

    def probabilities(self, sentences: Sequence[str], language: str) -> Sequence[float]:
        question = json.dumps({"language": language, "sentences": list(sentences)}, ensure_ascii=False)
        try:
            answer = json.loads(self._ask(question.encode()))
            shares = [float(share) for share in answer["probabilities"]]
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, RecursionError) as error:
            raise JudgeUnavailable(reason=type(error).__name__) from None
        if len(shares) != len(sentences) or not all(0 <= share <= 1 for share in shares):
            raise JudgeUnavailable(reason="an answer that does not fit the question")
        return shares

    def _ask(self, question: bytes) -> bytes:
        connection = self._connection()
        try:
            headers = {"Content-Type": "application/json"} | (
                {"Authorization": f"Bearer {self._key}"} if self._key else {}
            )
            connection.request("POST", self._parts.path or "/", question, headers)
            response = connection.getresponse()
            if response.status != _OK:
                raise JudgeUnavailable(reason=f"status {response.status}")
            return response.read(_LONGEST_ANSWER)
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(
                host, port, timeout=self._seconds, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(host, port, timeout=self._seconds)
