"""The layers of the tone check, put together as the settings say."""

from dispatcher.adapters.hosted_judge import HostedJudge
from dispatcher.adapters.language_detection import LanguageDetection
from dispatcher.adapters.tone_rules import RuleFolder
from dispatcher.services.tone import SentenceJudge, ToneCheck
from dispatcher.settings import Settings


def open_tone(settings: Settings, *, judge: SentenceJudge | None = None) -> ToneCheck:
    """judge: the sentence model, where one is installed."""
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
        rules=RuleFolder(settings.tone_folder), detection=LanguageDetection(), judge=judge, second=second
    )
