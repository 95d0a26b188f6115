import pytest

from dispatcher.domain.without_identity import without_identity


@pytest.mark.parametrize(
    ("language", "sentence", "gone"),
    [
        ("en", "I, Jane Doe of Springfield, know where you live, Mr. Smith.", ("Jane", "Doe", "Smith")),
        (
            "en",
            "Call me at +1 202 555 0143 or jane@example.org, see https://example.org/x.",
            ("555", "example"),
        ),
        ("de", "Frau Meier wohnt in der Lindenstraße 12.", ("Meier", "12")),
        ("ko", "김철수 씨가 010-0000-0000으로 전화했습니다.", ("김철수", "0000")),
        ("ja", "山田花子さんは2013年に送還されました。", ("山田花子", "2013")),
        ("zh", "王小明先生2013年被遣返。", ("王小明", "2013")),
    ],
)
def test_names_addresses_and_figures_are_taken_out(
    language: str, sentence: str, gone: tuple[str, ...]
) -> None:
    bare = without_identity(sentence, language, ("Jane Doe", "Springfield"))
    assert not any(word in bare for word in gone)


def test_the_words_of_the_cause_stay() -> None:
    said = "I ask the Chinese Government and President Xi Jinping not to return North Koreans."
    assert without_identity(said, "en") == said.replace("Koreans", "Koreans")
