"""The layers together, with the rules and the language detection as they ship and judges that answer as told."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.adapters.language_detection import LanguageDetection
from dispatcher.adapters.tone_rules import RuleFolder
from dispatcher.domain.tone import Assessment, Category, Verdict
from dispatcher.services.tone import (
    SENTENCES_JUDGED,
    Impression,
    JudgeUnavailable,
    LetterJudge,
    SentenceJudge,
    Thresholds,
    ToneCheck,
)

RULES = Path(__file__).parents[2] / "config" / "tone"
SHELF, DETECTION = RuleFolder(RULES), LanguageDetection()
CIVIL = "Your Excellency,\n\nMy aunt was returned by force. Please let those who have fled travel on.\n\nWith respect,\nGrace Whitfield"


class FakeJudge:
    """Thinks of each sentence what the given words say, and of a letter what its worst sentence says and what all
    lean to. Stands for the first judge and for the second."""

    def __init__(self, lean: float = 0.0, **shares: float) -> None:
        self.shares = shares
        self.lean = lean
        self.asked: list[tuple[str, str]] = []
        self.fails = False

    def thresholds_for(self, language: str) -> Thresholds:
        return Thresholds(review=0.5, revise=0.9)

    def review_above(self, language: str) -> float:
        return 0.5

    def impressions(self, sentences: Sequence[str], language: str) -> Sequence[Impression]:
        return [Impression(score=share, lean=self.lean) for share in self.probabilities(sentences, language)]

    def probability(self, spoken: Sequence[Impression], letter: Sequence[Impression]) -> float:
        return max(each.score for each in spoken) + sum(each.lean for each in letter)

    def probabilities(self, sentences: Sequence[str], language: str) -> Sequence[float]:
        if self.fails:
            raise JudgeUnavailable(reason="it is asleep")
        self.asked += [(language, sentence) for sentence in sentences]
        return [
            max((s for word, s in self.shares.items() if word in each), default=0.0) for each in sentences
        ]


def judged(
    text: str,
    judge: LetterJudge | None = None,
    second: SentenceJudge | None = None,
    *,
    language: str = "en",
) -> Assessment:
    return ToneCheck(rules=SHELF, detection=DETECTION, judge=judge, second=second).assess(
        text, language=language
    )


def test_without_a_judge_the_rules_decide_alone() -> None:
    assert judged(CIVIL).verdict is Verdict.PASS
    assert judged(CIVIL + "\n\nYou are liars.").verdict is Verdict.REVISE


@pytest.mark.parametrize(("share", "verdict"), [(0.4, "pass"), (0.6, "review"), (0.95, "review")])
def test_what_the_judge_thinks_becomes_a_finding_with_kind_words(share: float, verdict: str) -> None:
    found = judged(CIVIL, FakeJudge(fled=share))
    assert found.verdict == verdict
    for finding in found.findings:
        assert finding.category is Category.DOUBTFUL
        assert CIVIL[finding.start : finding.end] == finding.sentence
        assert finding.reason and finding.advice


def test_a_letter_that_is_doubtful_as_a_whole_is_shown_by_its_worst_sentence() -> None:
    found = judged(CIVIL, FakeJudge(returned=0.2, fled=0.1, lean=0.2))
    assert found.verdict is Verdict.REVIEW
    assert [finding.sentence for finding in found.findings] == ["My aunt was returned by force."]
    assert judged(CIVIL, FakeJudge(returned=0.2, fled=0.1, lean=0.1)).verdict is Verdict.PASS


def test_each_sentence_that_would_be_doubtful_by_itself_is_shown() -> None:
    found = judged(CIVIL, FakeJudge(returned=0.6, fled=0.7))
    assert len(found.findings) == 2


def test_a_judge_that_fails_sends_the_letter_to_a_person() -> None:
    judge = FakeJudge()
    judge.fails = True
    assert judged(CIVIL, judge).verdict is Verdict.REVIEW
    assert judged(CIVIL + "\n\nYou are liars.", judge).verdict is Verdict.REVISE


def test_the_judge_reads_the_body_in_its_language_and_nothing_that_is_quoted() -> None:
    judge = FakeJudge()
    judged(CIVIL.replace("fled", "fled, whom a guard called “filthy dogs” once,"), judge)
    assert [language for language, _ in judge.asked] == ["en", "en"]
    said = " ".join(sentence for _, sentence in judge.asked)
    assert "filthy" not in said and "Grace" not in said and "Excellency" not in said


def test_the_judge_is_asked_once_about_a_sentence() -> None:
    judge = FakeJudge()
    check = ToneCheck(rules=SHELF, detection=DETECTION, judge=judge)
    for _ in range(3):
        check.assess(CIVIL, language="en")
    assert len(judge.asked) == 2


def test_a_letter_with_more_sentences_than_are_judged_is_read_by_a_person() -> None:
    text = " ".join(f"This is sentence {number} of a long letter." for number in range(SENTENCES_JUDGED + 5))
    judge = FakeJudge()
    assert judged(text, judge).verdict is Verdict.REVIEW
    assert len(judge.asked) == SENTENCES_JUDGED


@pytest.mark.parametrize(("share", "verdict"), [(0.1, "pass"), (0.6, "review"), (0.95, "revise")])
def test_a_second_judge_settles_what_is_open(share: float, verdict: str) -> None:
    second = FakeJudge(returned=share)
    text = CIVIL.replace("by force", "by Mr. Smith, telephone +1 202 555 0143")
    assert judged(text, FakeJudge(returned=0.6), second).verdict == verdict
    ((_, asked),) = second.asked
    assert "Smith" not in asked and "555" not in asked


def test_a_second_judge_that_fails_leaves_the_question_to_a_person() -> None:
    second = FakeJudge()
    second.fails = True
    assert judged(CIVIL, FakeJudge(fled=0.6), second).verdict is Verdict.REVIEW
    assert judged(CIVIL, FakeJudge(), second).verdict is Verdict.PASS


def test_a_second_judge_is_not_asked_about_what_is_clear() -> None:
    second = FakeJudge()
    judged(CIVIL, FakeJudge(), second)
    judged(CIVIL + "\n\nYou are liars.", FakeJudge(), second)
    judged(CIVIL, None, second)
    assert second.asked == []


MIXED = [
    ("en", "Your Excellency, please help.\n\nVous êtes des lâches et des menteurs.\n\nThank you."),
    ("fr", "Excellence, je vous prie de les aider.\n\nYou are a bunch of murderers."),
    ("ko", "존경하는 대사님, 도와주십시오.\n\nYou are a bunch of murderers."),
    ("de", "Exzellenz, bitte helfen Sie.\n\n你们都是畜生。"),
    ("en", "Sie sind ein elender Feigling, Herr Botschafter, und Ihre Regierung ist eine Mörderbande."),
]


@pytest.mark.parametrize(("language", "text"), MIXED)
def test_each_sentence_is_read_by_the_rules_of_its_own_language(language: str, text: str) -> None:
    assert judged(text, language=language).verdict is Verdict.REVISE


def test_a_civil_sentence_in_a_second_language_passes() -> None:
    text = CIVIL.replace(
        "\n\nWith", "\n\nDie Tante meiner Mutter war auch ein Flüchtling, und sie hat überlebt.\n\nWith"
    )
    assert judged(text).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "text",
    [
        "Ваше превосходительство, прошу вас не возвращать беженцев силой.",
        "معالي السفير، أرجو ألا تعيدوا اللاجئين بالقوة.",
        "Ers excellens, jag ber er att inte skicka tillbaka flyktingar med våld, ty de väntar tortyr och död där.",
    ],
)
def test_a_letter_in_a_language_without_rules_is_for_a_person(text: str) -> None:
    assert judged(text).verdict is Verdict.REVIEW


def test_a_text_that_is_no_language_is_for_a_person() -> None:
    assert judged("UmVmdWdlZXMgYXJlIHBlb3BsZSB3aG8gaGF2ZSBmbGVk" * 6).verdict is Verdict.REVIEW


def test_hints_are_gentle_and_never_change_the_verdict() -> None:
    bare = judged("They are people.")
    assert bare.verdict is Verdict.PASS
    assert {"greeting", "request"} <= {hint.id for hint in bare.hints}
    assert judged(CIVIL).hints == ()
    assert "brief" in {hint.id for hint in judged(CIVIL.replace("My aunt", "My dear aunt " * 400)).hints}


@cache
def letters(language: str, kinds: str) -> tuple[str, ...]:
    lines = (RULES.parents[1] / "tests/samples/tone_letters" / f"{language}.txt").read_text().splitlines()
    return tuple(line[2:] for line in lines if line[:1] in kinds)


LANGUAGES = ("en", "ko", "ja", "zh", "es", "pt", "de", "nl", "fr")


@pytest.mark.parametrize("language", LANGUAGES)
def test_civil_letters_pass(language: str) -> None:
    handed_back = [
        text for text in letters(language, "+") if judged(text, language=language).verdict != "pass"
    ]
    assert handed_back == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_rude_letters_are_caught(language: str) -> None:
    """By rules alone; the bound leaves room for the few that only a judge understands."""
    rude = letters(language, "-")
    passed = [text for text in rude if judged(text, language=language).verdict is Verdict.PASS]
    assert len(passed) <= len(rude) // 10, passed


@pytest.mark.parametrize("language", LANGUAGES)
def test_threats_are_urgent_and_get_no_advice_on_wording(language: str) -> None:
    for text in letters(language, "!"):
        found = judged(text, language=language)
        assert found.verdict is Verdict.REVIEW, text
        assert any(finding.category is Category.THREAT for finding in found.findings), text


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_adding_one_rude_sentence_to_any_civil_letter_changes_the_verdict(data: st.DataObject) -> None:
    language = data.draw(st.sampled_from(LANGUAGES))
    caught = [x for x in letters(language, "-!") if judged(x, language=language).verdict is not Verdict.PASS]
    civil, rude = data.draw(st.sampled_from(letters(language, "+"))), data.draw(st.sampled_from(caught))
    joined = "\n\n".join(data.draw(st.permutations([civil, rude])))
    assert judged(joined, language=language).verdict is not Verdict.PASS


@given(st.sampled_from(LANGUAGES), st.text(max_size=300))
@settings(max_examples=120, deadline=None)
def test_any_text_gets_an_answer(language: str, text: str) -> None:
    for finding in judged(text, FakeJudge(), language=language).findings:
        assert 0 <= finding.start <= finding.end <= len(text)


DISGUISES = (
    "y0u ar3 1d10ts",
    "You i d i o t s",
    "y o u a r e s c u m " * 20,
    "you id\u200biots",
    "You are ѕсum",
    "YOU IDIOTS",
    "you s.c.u.m",
    "ｙｏｕ ｉｄｉｏｔｓ",
)


@pytest.mark.parametrize("words", DISGUISES)
def test_masks_spacing_and_figures_do_not_help(words: str) -> None:
    assert judged(CIVIL.replace("Please", f"{words}. Please")).verdict is Verdict.REVISE


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The guards called us dogs and filthy scum."),
        ("en", "She was told by a guard that she was a worthless whore. “You bitch,” he said."),
        ("de", "Die Wärter nannten uns Abschaum und Schweine."),
        ("fr", "Les gardes nous traitaient de chiens et d'ordures."),
        ("es", "Los guardias nos llamaban escoria y perros."),
        ("ko", "간수는 우리를 쓰레기 같은 놈들이라고 불렀습니다."),
        ("ja", "看守は私たちを「人間の屑」と呼びました。"),
        ("zh", "看守骂我们是“畜生”。"),
    ],
)
def test_a_guards_slur_is_testimony(language: str, text: str) -> None:
    assert judged(text, language=language).findings == ()


@pytest.mark.parametrize(
    "text", ["Dear Mr. Dick Pratt, please help.", "Please help.\n\nKike Gómez\nJap van Dam"]
)
def test_names_that_look_like_bad_words_are_names(text: str) -> None:
    assert judged(text).findings == ()
