from dispatcher.domain.tone import Assessment, Category, Finding, Verdict
from dispatcher.services.tone_evaluation import KnownLetter, evaluate


class _Reader:
    """Finds the rule named by each word that ends in a colon."""

    def assess(self, text: str, *, language: str) -> Assessment:
        rules = [word[:-1] for word in text.split() if word.endswith(":")]
        verdict = Verdict.PASS if not rules else Verdict.REVIEW if "doubt" in rules else Verdict.REVISE
        return Assessment(
            verdict=verdict, language=language, findings=tuple(_finding(rule) for rule in rules)
        )


def _finding(rule: str) -> Finding:
    return Finding(
        rule=rule,
        category=Category.INSULT,
        severity=Verdict.REVISE,
        start=0,
        end=0,
        sentence="",
        reason="",
        advice="",
    )


def _letter(text: str, *, rude: bool, language: str = "en", category: str = "x") -> KnownLetter:
    return KnownLetter(id=text, language=language, text=text, disrespectful=rude, category=category)


def test_figures_tell_what_was_caught_and_what_was_stopped_in_vain() -> None:
    found = evaluate(
        [
            _letter("insult: you", rude=True),
            _letter("doubt: you", rude=True),
            _letter("nothing found", rude=True, language="de", category="veiled"),
            _letter("insult: in vain", rude=False),
            _letter("doubt: in vain", rude=False),
            *[_letter("kind", rude=False)] * 2,
        ],
        _Reader(),
    )
    whole = found.whole
    assert (found.letters, whole.caught, whole.stopped_in_vain) == (7, 2, 2)
    assert (whole.recall, whole.precision, whole.f1) == (2 / 3, 2 / 4, 4 / 7)
    assert (whole.handed_back, whole.sent_to_review) == (1 / 4, 1 / 4)
    assert found.languages["de"].recall == 0
    assert found.languages["de"].precision is None
    assert found.categories["veiled"].handed_back is None
    assert [letter.id for letter, _ in found.wrong] == ["nothing found", "insult: in vain", "doubt: in vain"]


def test_each_rule_has_its_cost_and_its_use() -> None:
    found = evaluate(
        [
            _letter("insult: shout: you", rude=True),
            _letter("insult: you", rude=True),
            _letter("shout: in vain", rude=False),
            _letter("shout: insult: in vain", rude=False),
        ],
        _Reader(),
    )
    insult, shout = found.rules["insult"], found.rules["shout"]
    assert (insult.caught, insult.alone_caught, insult.stopped, insult.alone_stopped) == (2, 1, 1, 0)
    assert (shout.caught, shout.alone_caught, shout.stopped, shout.alone_stopped) == (1, 0, 2, 1)
