"""The layers of the tone check, put together as the settings say."""

from functools import cache
from pathlib import Path

from dispatcher.adapters.hosted_judge import HostedJudge
from dispatcher.adapters.language_detection import LanguageDetection
from dispatcher.adapters.sentence_model import load_judge, model_takes_room
from dispatcher.adapters.tone_rules import RuleFolder
from dispatcher.services.tone import LetterJudge, ToneCheck
from dispatcher.settings import Settings


def open_tone(settings: Settings, *, learned: bool = True) -> ToneCheck:
    """learned: with the sentence model, where there is one. Rules and models are read once in a process."""
    tone = settings.tone
    second = None
    if tone.judge_url:
        second = HostedJudge(
            address=tone.judge_url,
            key=tone.judge_key.get_secret_value(),
            seconds=tone.judge_seconds,
            review=tone.judge_review,
            revise=tone.judge_revise,
        )
    return ToneCheck(
        rules=_rules(settings.tone_folder),
        detection=_detection(),
        judge=_judge(settings.tone_folder, tone.small) if learned else None,
        second=second,
    )


def takes_room(settings: Settings) -> bool:
    """Whether the learned layer that would read here is slow and large; the small one can stay with any process."""
    return not settings.tone.small and model_takes_room(settings.tone_folder / "model")


@cache
def _rules(folder: Path) -> RuleFolder:
    return RuleFolder(folder)


@cache
def _detection() -> LanguageDetection:
    return LanguageDetection()


@cache
def _judge(folder: Path, small: bool) -> LetterJudge | None:
    return load_judge(folder / "model", small=small)
