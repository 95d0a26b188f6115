"""Which language a letter is in."""

import pytest

from dispatcher.adapters.campaign_files import read_campaign
from dispatcher.domain.campaign import LANGUAGES
from dispatcher.domain.language import guess_language
from dispatcher.shelf import resource

CAMPAIGN = read_campaign(resource("config", "campaigns", "save-north-korean-refugees-day.toml"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sample_letter_is_recognised_as_a_whole_and_by_its_first_sentences(language: str) -> None:
    text = CAMPAIGN.samples[language].text
    assert guess_language(text) == language
    assert guess_language(text[:400]) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "en"),
        ("12345 !!!", "en"),
        ("Please help 김민수 and 王小明, who are in prison and have not been heard of.", "en"),
        ("中国政府に、難民を送り返さないようお願いします。", "ja"),
        ("请不要把难民送回朝鲜。", "zh"),
        ("PLEASE DO NOT SEND THEM BACK TO THE PLACE THAT THEY FLED FROM", "en"),
    ],
)
def test_script_and_small_words_decide(text: str, language: str) -> None:
    assert guess_language(text) == language
