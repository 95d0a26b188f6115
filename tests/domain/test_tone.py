"""The tone rules as they ship, on letters as people write them."""

import string
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.adapters.tone_rules import load_rules
from dispatcher.domain.tone import Assessment, Category, Verdict, assess

RULES = Path(__file__).parents[2] / "config" / "tone"
LANGUAGES = ("en", "ko", "ja", "zh", "es", "pt", "de", "nl", "fr")
BOOKS = {language: load_rules(RULES / f"{language}.toml") for language in LANGUAGES}


def judge(text: str, language: str = "en") -> Assessment:
    return assess(text, BOOKS[language])


TESTIMONY = {
    "en": (
        "Your Excellency, my aunt was returned by force in 2013. In the camp she was beaten and tortured, "
        "and she saw a public execution. Women were raped, sold by traffickers and forced into abortions; "
        "guards murdered a newborn child. The forced returns are unlawful, and this is a cruel policy. I "
        "condemn it. The cells were full of rats and cockroaches, and people were treated like animals. "
        "They will kill her if she is sent back. We will hold a peaceful vigil, I will write to my member "
        "of parliament and I will boycott the fair. Please let them go."
    ),
    "ko": (
        "존경하는 대사님, 제 이모는 2013년에 강제로 송환되었습니다. 수용소에서 고문을 당했고 공개처형을 "
        "보았습니다. 여성들은 강간과 인신매매, 강제 낙태를 당했으며 갓난아기가 살해되었습니다. 사람들은 "
        "짐승처럼 취급받았습니다. 강제송환은 잔인한 일이며 국제법에 어긋납니다. 돌려보내지면 죽임을 당할 "
        "것입니다. 전염병이 돌았고 불이 꺼져 추웠습니다. 살인과 폭력이 멈추기를 바라며 평화로운 집회를 "
        "열고 국회의원께 편지를 쓰겠습니다."
    ),
    "ja": (
        "大使閣下、私の叔母は2013年に強制送還されました。収容所で拷問を受け、公開処刑を見ました。女性たちは"
        "強姦され、人身売買や強制堕胎の被害に遭い、赤ん坊が殺されました。人々は獣のように扱われました。強制"
        "送還は残酷な政策であり、違法です。送り返されれば殺されます。私たちは平和な集会を開き、議員に手紙を"
        "書きます。朝鮮人の難民をどうかお救いください。"
    ),
    "zh": (
        "尊敬的大使阁下：我的姨妈2013年被强制遣返。她在集中营遭受酷刑，目睹了公开处决。妇女被强奸、被贩卖、"
        "被强迫堕胎，刚出生的婴儿被杀害。人们被当作牲口对待。强制遣返是残忍的政策，违反国际法，我谴责这种做"
        "法。她若被送回去就会被杀死。我们将举行和平守夜，我会写信给议员。请让他们安全离开。"
    ),
    "es": (
        "Excelencia: mi tía fue devuelta por la fuerza en 2013. En el campo fue torturada y vio una "
        "ejecución pública. Las mujeres eran violadas, vendidas por traficantes y obligadas a abortar; "
        "asesinaron a un recién nacido. Los trataban como animales. Las devoluciones son ilegales y son "
        "una política cruel. Condeno este crimen. Si la devuelven, la matarán. Haremos una vigilia "
        "pacífica y escribiré a mi diputado. Le ruego que los deje ir."
    ),
    "pt": (
        "Excelência, a minha tia foi devolvida à força em 2013. No campo foi torturada e viu uma execução "
        "pública. As mulheres eram estupradas, vendidas por traficantes e obrigadas a abortar; um "
        "recém-nascido foi assassinado. Eram tratadas como animais. As devoluções são ilegais e uma "
        "política cruel. Condeno esse crime. Se voltar, será morta. Faremos uma vigília pacífica e "
        "escreverei ao meu deputado. Peço que os deixe partir."
    ),
    "de": (
        "Exzellenz, meine Tante wurde 2013 gewaltsam zurückgeführt. Im Lager wurde sie gefoltert und sah "
        "eine öffentliche Hinrichtung. Frauen wurden vergewaltigt, von Menschenhändlern verkauft und zur "
        "Abtreibung gezwungen; ein Neugeborenes wurde ermordet. Man behandelte sie wie Tiere, und sie sind "
        "krank. Die Rückführungen verletzen das Recht, und sie sind grausam. Ich verurteile diesen Mord. "
        "Man wird sie töten. Wir halten eine friedliche Mahnwache, und ich schreibe meiner Abgeordneten. "
        "Bitte lassen Sie sie ziehen."
    ),
    "nl": (
        "Excellentie, mijn tante werd in 2013 met geweld teruggestuurd. In het kamp werd zij gemarteld en "
        "zag zij een openbare executie. Vrouwen werden verkracht, door mensenhandelaars verkocht en tot "
        "abortus gedwongen; een pasgeborene werd vermoord. Mijn oom stierf aan kanker. Zij werden als "
        "dieren behandeld. Het terugsturen is onwettig en een wreed beleid. Zij zal gedood worden. Wij "
        "houden een vreedzame wake en ik schrijf mijn Kamerlid."
    ),
    "fr": (
        "Excellence, ma tante a été renvoyée de force en 2013. Au camp elle a été torturée et a vu une "
        "exécution publique. Des femmes étaient violées, vendues par des trafiquants et forcées d'avorter "
        "; un nouveau-né a été assassiné. On les traitait comme des animaux. Ces renvois sont illégaux et "
        "sont une politique cruelle. Je condamne ce crime. On la tuera. Nous tiendrons une veillée "
        "pacifique et j'écrirai à mon député. Je vous prie de les laisser partir."
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_civil_testimony_of_grave_facts_passes(language: str) -> None:
    assessment = judge(TESTIMONY[language], language)
    assert assessment.findings == ()
    assert assessment.verdict is Verdict.PASS


RUDE = [
    ("en", "You are cruel."),
    ("en", "You murderers!"),
    ("en", "You people are a bunch of liars."),
    ("en", "You Chinese are all the same."),
    ("en", "You are vermin."),
    ("en", "Your president is a pig."),
    ("en", "Xi Jinping is a murderer."),
    ("en", "Shame on you and your government."),
    ("en", "Congratulations on murdering another family."),
    ("en", "I hope you rot."),
    ("en", "Go to hell."),
    ("en", "What you do is fucking wrong."),
    ("en", "STOP SENDING THESE POOR PEOPLE BACK, please."),
    ("en", "Why do you do this???"),
    ("ko", "당신들은 살인자입니다."),
    ("ko", "시발 그만해라."),
    ("ko", "당신은 정말 잔인합니다."),
    ("ko", "짱깨들은 돌아가라."),
    ("ko", "너희는 짐승이다."),
    ("ko", "부끄러운 줄 아십시오."),
    ("ja", "あなたたちは人殺しだ。"),
    ("ja", "恥を知れ。"),
    ("ja", "支那人は出て行け。"),
    ("ja", "お前らはゴキブリだ。"),
    ("ja", "死ね。"),
    ("zh", "你们是杀人犯。"),
    ("zh", "你們都是畜生。"),
    ("zh", "滚蛋，你们这些混蛋。"),
    ("zh", "他妈的，放人！"),
    ("zh", "中国人都是骗子。"),
    ("es", "Ustedes son unos asesinos."),
    ("es", "Hijos de puta, déjenlos ir."),
    ("es", "¡Qué vergüenza! No tienen vergüenza."),
    ("es", "Todos los chinos son mentirosos."),
    ("pt", "Vocês são assassinos."),
    ("pt", "Vão se foder."),
    ("pt", "Vocês não têm vergonha."),
    ("pt", "Vocês são vermes."),
    ("de", "Sie sind grausam."),
    ("de", "Ihr Mörder!"),
    ("de", "Sie Heuchler, schämen Sie sich."),
    ("de", "Das ist Scheiße."),
    ("de", "Ihr seid Ungeziefer."),
    ("nl", "U bent een moordenaar."),
    ("nl", "Jullie zijn ongedierte."),
    ("nl", "Godverdomme, laat ze gaan."),
    ("nl", "U zou zich moeten schamen."),
    ("fr", "Vous êtes cruels."),
    ("fr", "Bande de menteurs, honte à vous."),
    ("fr", "Allez vous faire foutre, connards."),
    ("fr", "Vous n'avez aucune conscience."),
]


@pytest.mark.parametrize(("language", "text"), RUDE)
def test_rude_words_to_the_reader_are_handed_back(language: str, text: str) -> None:
    assert judge(text, language).verdict is Verdict.REVISE


THREATS = [
    ("en", "It would be a pity if something happened to your family."),
    ("en", "We know where you live."),
    ("en", "I will kill you."),
    ("en", "Someone should burn down your embassy."),
    ("ko", "당신 가족에게 무슨 일이 생긴다면 유감일 것입니다."),
    ("ko", "우리는 당신이 어디 사는지 알고 있습니다."),
    ("ko", "가만두지 않겠다."),
    ("ja", "あなたのご家族に何かあったら残念ですね。"),
    ("ja", "あなたがどこに住んでいるか知っています。"),
    ("ja", "殺してやる。"),
    ("zh", "要是您的家人出了什么事，那就太可惜了。"),
    ("zh", "我们知道你住在哪里。"),
    ("zh", "我要杀了你。"),
    ("es", "Sería una lástima que algo le pasara a su familia."),
    ("es", "Sabemos dónde vive."),
    ("es", "Vamos a quemar su embajada."),
    ("pt", "Seria uma pena se algo acontecesse com a sua família."),
    ("pt", "Sabemos onde você mora."),
    ("pt", "Vamos matar vocês."),
    ("de", "Es wäre schade, wenn Ihrer Familie etwas zustoßen würde."),
    ("de", "Wir wissen, wo Sie wohnen."),
    ("de", "Wir werden Sie finden."),
    ("nl", "Het zou jammer zijn als uw familie iets overkomt."),
    ("nl", "Wij weten waar u woont."),
    ("nl", "Wij zullen u vinden."),
    ("fr", "Ce serait dommage s'il arrivait quelque chose à votre famille."),
    ("fr", "Nous savons où vous habitez."),
    ("fr", "Nous allons vous tuer."),
]


@pytest.mark.parametrize(("language", "text"), THREATS)
def test_a_threat_goes_to_a_person_even_in_polite_words(language: str, text: str) -> None:
    assessment = judge(text, language)
    assert assessment.verdict is Verdict.REVIEW
    assert any(finding.category is Category.THREAT for finding in assessment.findings)


def test_a_threat_beats_an_insult() -> None:
    assert judge("You idiots. We know where you live.").verdict is Verdict.REVIEW


@pytest.mark.parametrize(
    "text",
    [
        "We counted 101 people · 101",
        "The forced return of refugees is unlawful.",
        "Your government has the duty to protect them; this is a shameful policy.",
        "I hope your family is well. You must be proud of your long civilisation.",
        "If my child were in that cell, she would sob all night.",
        "Dick Cheney and Kim Jong Un once spoke of it.",
        "All Koreans are equal before the law, and the Chinese people are hospitable.",
        "SAVE NORTH KOREAN REFUGEES DAY\n\nYour Excellency, please help them.",
        "The UN, UNHCR, OHCHR, ICRC and the EU have asked for the same.",
        "In the DPRK the NGO HRNK has counted the camps.",
        "May they suffer no more. May God keep you.",
        "Is this just? I ask you! Please answer.",
        "My name is KIM Yong Suk.",
    ],
)
def test_words_that_only_look_rude_pass(text: str) -> None:
    assert judge(text).findings == ()


DISGUISED = (
    *("f*ck", "f**king", "f.u.c.k", "s h i t", "s-h-i-t", "sh1t", "$hit", "fuuuuck"),
    *("fu\u200bck", "ѕһіt", "ｆｕｃｋ", "FuCk", "1d10t", "b!tch", "imbe\u0301cile"),
)


@pytest.mark.parametrize("disguised", DISGUISED)
def test_a_disguised_word_is_found_where_it_stands(disguised: str) -> None:
    text = f"Please stop this {disguised} now."
    (finding,) = judge(text).findings
    assert text[finding.start : finding.end] == disguised


@pytest.mark.parametrize("disguised", ["씨1발", "씨.발", "개\u200b새끼"])
def test_a_wedge_between_signs_hides_nothing(disguised: str) -> None:
    text = f"정말 {disguised} 그만두세요."
    (finding,) = judge(text, "ko").findings
    assert text[finding.start : finding.end] == disguised


def test_a_ligature_is_read_as_its_two_letters() -> None:
    assert judge("Vous n'avez pas de cœur.", "fr").verdict is Verdict.REVISE


def test_decomposed_korean_is_read_like_composed() -> None:
    assert judge("\u110a\u1175\u1107\u1161\u11af 그만", "ko").verdict is Verdict.REVISE


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("It's a shame, you bastards, and you know it's true.", "en"),
        ("The prisoners' food was poor, you bastards, and the guards' dogs ate well.", "en"),
        ("Dat is 's avonds zo, klootzakken, en de ouders' huis is leeg.", "nl"),
    ],
)
def test_an_apostrophe_quotes_nothing(text: str, language: str) -> None:
    assert judge(text, language).verdict is not Verdict.PASS


def test_quoted_abuse_is_testimony() -> None:
    assert (
        judge("The guard shouted “you bastards, you are vermin” and beat her. Please help.").verdict
        is Verdict.PASS
    )
    assert judge("간수는 “이 개새끼”라고 소리쳤습니다. 도와주십시오.", "ko").verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The guard shouted 'you bastards, you're vermin' and beat her. Please help."),
        ("en", "The guard shouted ‘you bastards, you’re vermin’ and beat her. Please help."),
        ("nl", "De bewaker riep elke dag 'vieze hoer, rotwijf' tegen haar. Help haar, alstublieft."),
        ("zh", "我们排了一出戏，叫《狗官放人》。请您帮助他们。"),
        ("en", "Every morning the guard said 'you are a dog', and they weren't ashamed. Please help."),
        ("nl", "’s Avonds zei hij ‘je bent een hond’, en dan lachten ze om zo’n grap. Helpt u hen."),
        ("nl", "'s Avonds hoorde ze 'poepchinees' achter zich, en zo'n woord blijft."),
        ("de", "Auf der Tafel stand ‚ihr seid Schweine‘, und jeder ging daran vorbei."),
    ],
)
def test_single_marks_and_titles_quote_too(language: str, text: str) -> None:
    assert judge(text, language).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("nl", "'s Avonds denk ik: u bent een idioot, en dat is 's morgens niet anders."),
        ("nl", "Zo'n land, u bent een idioot, en uw bazen' praatjes helpen niet."),
        ("en", "The guards' dogs ate better. You are idiots, and the prisoners' families know it."),
        ("de", "Wie geht’s? Ihr seid Schweine, und Hans’ Vater weiß es."),
    ],
)
def test_apostrophes_quote_nothing(language: str, text: str) -> None:
    assert judge(text, language).verdict is Verdict.REVISE


def test_a_quoted_threat_still_goes_to_a_person() -> None:
    assert judge("As they say, “we know where you live”. Think of it.").verdict is Verdict.REVIEW


def test_a_letter_wholly_in_quotation_marks_quotes_nobody() -> None:
    assert judge("“You are all idiots.”").verdict is Verdict.REVISE


def test_a_stray_quotation_mark_does_not_swallow_the_letter() -> None:
    assert judge('He said " once.\n\nYou are idiots.\n\nAnd " again.').verdict is Verdict.REVISE


def test_a_finding_shows_the_words_their_sentence_and_what_to_write_instead() -> None:
    text = "Dear Mr. Ambassador. You idiots! Please help."
    (finding,) = judge(text).findings
    assert "idiots" in text[finding.start : finding.end]
    assert finding.sentence == "You idiots!"
    assert finding.rule in {rule.id for rule in BOOKS["en"].rules}
    assert finding.reason
    assert finding.advice


def test_a_doubtful_word_is_left_to_a_person() -> None:
    assert judge("President Xi is a dictator.").verdict is Verdict.REVIEW


@pytest.mark.parametrize("text", ["", "   \n", "\u200b", "🙏" * 50])
def test_a_letter_without_words_is_not_a_matter_of_tone(text: str) -> None:
    assert judge(text).verdict is Verdict.PASS


GRAVE = {
    "en": "torture execution rape trafficking abortion murder killed prostitution slavery",
    "ko": "고문 처형 강간 인신매매 낙태 살인 성노예 매춘 학살",
    "ja": "拷問 処刑 強姦 人身売買 堕胎 殺人 性奴隷 売春 虐殺",
    "zh": "酷刑 处决 强奸 人口贩卖 堕胎 谋杀 性奴役 卖淫 屠杀",
    "es": "tortura ejecución violación trata aborto asesinato prostitución esclavitud matanza",
    "pt": "tortura execução estupro tráfico aborto assassinato prostituição escravidão massacre",
    "de": "Folter Hinrichtung Vergewaltigung Menschenhandel Abtreibung Mord Prostitution Sklaverei",
    "nl": "marteling executie verkrachting mensenhandel abortus moord prostitutie slavernij",
    "fr": "torture exécution viol traite avortement meurtre prostitution esclavage massacre",
}
CIVIL: dict[str, Callable[[str], str]] = {
    "en": lambda fact: f"People who are returned face {fact}, and I ask for your help.",
    "ko": lambda fact: f"송환된 사람들은 {fact}의 위험에 놓입니다. 도와주시기를 부탁드립니다.",
    "ja": lambda fact: f"送還された人々は{fact}の危険にさらされます。どうかお助けください。",
    "zh": lambda fact: f"被遣返的人面临{fact}，恳请您帮助他们。",
    "es": lambda fact: f"Quienes son devueltos afrontan {fact}, y le pido su ayuda.",
    "pt": lambda fact: f"Os que são devolvidos enfrentam {fact}, e peço a sua ajuda.",
    "de": lambda fact: f"Wer zurückgeführt wird, dem drohen {fact}, und ich bitte um Ihre Hilfe.",
    "nl": lambda fact: f"Wie wordt teruggestuurd, wacht {fact}, en ik vraag uw hulp.",
    "fr": lambda fact: f"Les personnes renvoyées risquent {fact}, et je demande votre aide.",
}


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_adding_a_grave_fact_to_a_civil_letter_changes_nothing(data: st.DataObject) -> None:
    language = data.draw(st.sampled_from(LANGUAGES))
    facts = data.draw(st.lists(st.sampled_from(GRAVE[language].split()), min_size=1, max_size=5))
    letter = TESTIMONY[language] + " " + " ".join(CIVIL[language](fact) for fact in facts)
    assert judge(letter, language).verdict is Verdict.PASS


@given(st.text(max_size=400), st.sampled_from(LANGUAGES))
@settings(max_examples=150, deadline=None)
def test_any_text_is_answered_with_offsets_inside_it(text: str, language: str) -> None:
    for finding in judge(text, language).findings:
        assert 0 <= finding.start < finding.end <= len(text)


@given(st.text(alphabet='f*u.c k!sh1t"“you are\n\u200bAЕ씨발你妈', max_size=200), st.sampled_from(LANGUAGES))
@settings(max_examples=150, deadline=None)
def test_any_mixture_of_disguises_is_answered(text: str, language: str) -> None:
    for finding in judge(text, language).findings:
        assert text[finding.start : finding.end]


HOSTILE = [
    "a" * 100_000,
    "a " * 50_000,
    "you are " * 12_500,
    "f*ck " * 20_000,
    "kill you we will " * 6_000,
    "A" * 100_000,
    "AB CD " * 16_666,
    "STOP " * 20_000,
    "!" * 100_000,
    "“" * 100_000,
    '"a' * 50_000,
    "🙏" * 100_000,
    "\u202e\u0627\u0644" * 33_333,
    "\x00\x07\x1b" * 33_333,
    "\n" * 100_000,
    "씨1" * 50_000,
    "你们" * 50_000,
    "당신 가족 " * 16_666,
    "You idiots! " * 8_333,
    string.printable * 1_000,
    "e\u0301" * 50_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("language", ["en", "ko", "zh"])
def test_a_hostile_letter_of_a_hundred_thousand_characters_is_answered_in_time(
    text: str, language: str
) -> None:
    began = time.thread_time()
    judge(text, language)
    assert time.thread_time() - began < 2


MERCY = [
    (
        "en",
        "You must be aware that nobody deserves to die. You should be told. She was sentenced to death in "
        "the camp.",
    ),
    (
        "es",
        "No merecen morir. Los tribunales condenan a muerte a los refugiados. Perdió a sus animales.",
    ),
    (
        "pt",
        "Ninguém merece morrer. Foram condenados à morte aos vinte anos. Perdeu os seus animais.",
    ),
    (
        "de",
        "Niemand verdient den Tod. Sie verdienen Schutz. Man nannte sie Verräter und behandelte sie brutal.",
    ),
    (
        "fr",
        "Personne ne mérite de mourir. Ils risquent la mort à la frontière. Il mangeait du raton laveur.",
    ),
    (
        "nl",
        "Niemand verdient de dood. Zij brachten de dood aan de grens mee.",
    ),
    (
        "ko",
        "경비원은 죽이겠다고 협박했습니다. 시발점이 되기를 바랍니다. 날씨 발표를 들었습니다. 위기가 "
        "닥쳐옵니다.",
    ),
    (
        "ja",
        "早くそのようになることを願います。アルバカーキに住んでいます。死ねば終わりだと言われました。",
    ),
    (
        "zh",
        "我妈妈的姐姐被送回去死在狱中。他失去死去的孩子，吃玉米棒子，工资是五毛钱。",
    ),
]


@pytest.mark.parametrize(("language", "text"), MERCY)
def test_words_of_mercy_and_mere_lookalikes_pass(language: str, text: str) -> None:
    assert judge(text, language).findings == ()


def test_a_rude_sentence_is_rude_each_time_and_beside_new_ones() -> None:
    for turn in range(3):
        assert judge(f"You idiots. This is letter {turn}, and a civil one.").verdict is Verdict.REVISE


def test_the_memory_of_sentences_is_bounded_and_forgets_safely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatcher.domain.rulebook.SENTENCES_KEPT", 10)
    book = load_rules(RULES / "en.toml")
    for turn in range(30):
        assert assess(f"You idiots. Letter {turn} is here. Please help.", book).verdict is Verdict.REVISE
    assert len(book._index.seen) <= 10


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_pattern_runs_away(language: str) -> None:
    """CPU time of each regular expression on texts made of its own hints, which are the worst for it."""
    for rule in BOOKS[language].rules:
        for pattern in rule.patterns:
            for hint in pattern.hints[:3]:
                text = f"你们当사람あなた{hint}是의は" * (20_000 // (len(hint) + 8))
                began = time.thread_time()
                list(pattern.regex.finditer(text))
                assert time.thread_time() - began < 0.5, (rule.id, pattern.regex.pattern)
