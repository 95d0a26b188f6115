"""The layers of the tone check, put together for a folder of rules."""

from pathlib import Path

from dispatcher.adapters.language_detection import LanguageDetection
from dispatcher.adapters.tone_rules import RuleFolder
from dispatcher.services.tone import SentenceJudge, ToneCheck


def open_tone(
    folder: Path, *, judge: SentenceJudge | None = None, second: SentenceJudge | None = None
) -> ToneCheck:
    return ToneCheck(rules=RuleFolder(folder), detection=LanguageDetection(), judge=judge, second=second)
