import threading
from pathlib import Path

import pytest

from dispatcher.adapters.language_detection import LanguageDetection
from dispatcher.adapters.tone_rules import RuleFolder, load_rules
from dispatcher.domain.errors import FileProblems
from dispatcher.domain.rule import SAID_BY_THE_CHECK, Category, Verdict
from dispatcher.services.tone import ToneCheck

RULES = Path(__file__).parents[2] / "config" / "tone"


def tone_of(folder: Path) -> ToneCheck:
    return ToneCheck(rules=RuleFolder(folder), detection=LanguageDetection())


GOOD = """
language = "en"
[[rule]]
id = "insult-word"
category = "insult"
severity = "revise"
words = ["noodle"]
reason = "It hurts."
advice = "Leave it out."
"""


def test_the_shipped_files_speak_the_nine_languages() -> None:
    tone = tone_of(RULES)
    languages = RuleFolder(RULES).languages()
    assert languages == ("de", "en", "es", "fr", "ja", "ko", "nl", "pt", "zh")
    for language in languages:
        assert tone.assess("123", language=language).verdict is Verdict.PASS


def test_every_shipped_language_has_the_same_kinds_of_rules() -> None:
    kinds = {path.stem: {rule.category for rule in load_rules(path).rules} for path in RULES.glob("*.toml")}
    wanted = set(Category) - SAID_BY_THE_CHECK
    assert {language: wanted - found for language, found in kinds.items() if wanted - found} == {}


@pytest.mark.parametrize("language", ["sv", "", "../en", "english", "xx-YY"])
def test_a_letter_in_a_language_without_rules_is_read_by_a_person(language: str) -> None:
    assessment = tone_of(RULES).assess("Kära ambassadör", language=language)
    assert assessment.verdict is Verdict.REVIEW
    assert assessment.findings[0].category is Category.LANGUAGE


def test_a_regional_tag_finds_its_language() -> None:
    assert tone_of(RULES).assess("Vocês são assassinos.", language="pt-BR").verdict is Verdict.REVISE
    assert tone_of(RULES).assess("你們都是畜生。", language="zh_Hant").verdict is Verdict.REVISE


def test_abuse_in_another_script_is_not_overlooked() -> None:
    assert tone_of(RULES).assess("Dear Sir, 씨발.", language="en").verdict is Verdict.REVISE
    assert tone_of(RULES).assess("Dear Sir, 김정은 is a name.", language="en").verdict is Verdict.PASS


def test_a_file_is_read_when_its_language_is_first_asked_for(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text(GOOD)
    (tmp_path / "fr.toml").write_text("broken")
    tone = tone_of(tmp_path)
    assert tone.assess("You noodle.", language="en").verdict is Verdict.REVISE
    (tmp_path / "en.toml").unlink()
    assert tone.assess("You noodle.", language="en").verdict is Verdict.REVISE
    with pytest.raises(FileProblems):
        RuleFolder(tmp_path).book("fr")


def test_a_letter_whose_rules_are_broken_is_read_by_a_person(tmp_path: Path) -> None:
    (tmp_path / "fr.toml").write_text("broken")
    assert tone_of(tmp_path).assess("Bonjour", language="fr").verdict is Verdict.REVIEW


def test_every_problem_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "en.toml"
    path.write_text(
        """
language = "de"
colour = "red"
[[rule]]
id = "Bad Id"
category = "rudeness"
severity = "pass"
words = ["two words"]
stems = ["abc"]
phrases = ["* you", "(open", "you ({nobody})"]
patterns = [{ hints = ["x"], regex = '(x+)*' }, { hints = ["x"], regex = '(' }]
reason = ""
"""
    )
    with pytest.raises(FileProblems) as caught:
        load_rules(path)
    told = str(caught.value)
    for part in (
        *("colour", "language must be", "lower case", "category must be", 'must be "revise"', "two words"),
        *("abc", "* you", "(open", "nobody", "run away", "reason is missing", "advice is missing"),
    ):
        assert part in told


def test_a_file_that_is_not_toml_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text("[[rule")
    with pytest.raises(FileProblems, match=r"en\.toml"):
        load_rules(tmp_path / "en.toml")


def test_many_threads_share_one_tone() -> None:
    tone = tone_of(RULES)
    answers: list[Verdict] = []

    def ask() -> None:
        answers.extend(tone.assess("You idiots.", language="en").verdict for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [Verdict.REVISE] * 160


WITH_UNLESS = """
language = "{language}"
[[rule]]
id = "what-we-shall-do"
category = "threat"
severity = "review"
{finds}
unless = {unless}
reason = "It may be a threat."
advice = "A person will read this letter."
"""


@pytest.mark.parametrize(
    ("language", "finds", "unless", "said", "silent"),
    [
        (
            "en",
            'phrases = ["i will * you"]',
            '["pray~"]',
            "I will come for you.",
            "I will be praying for you.",
        ),
        ("en", 'words = ["noodle"]', '["my"]', "Such a noodle.", "I have lost my noodle."),
        ("ja", 'literals = ["猫"]', '["祈"]', "猫が来る。", "猫のために祈る。"),
    ],
)
def test_a_rule_is_silent_beside_what_civil_letters_say(
    tmp_path: Path, language: str, finds: str, unless: str, said: str, silent: str
) -> None:
    file = tmp_path / f"{language}.toml"
    file.write_text(WITH_UNLESS.format(language=language, finds=finds, unless=unless), encoding="utf-8")
    book = load_rules(file)
    spoken, unspoken = book.examine([said, silent])
    assert spoken
    assert unspoken == ()
