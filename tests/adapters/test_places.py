"""Countries and regions are understood as people type them."""

import subprocess
import sys

import pycountry
import pytest

from dispatcher.adapters.places import (
    countries,
    country_code,
    country_name,
    is_country,
    is_region,
    parts_of,
    region_code,
    region_name,
    regions,
    weekend,
)
from dispatcher.domain.campaign import LANGUAGES


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("us", "US"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("DEU", "DE"),
        ("UK", "GB"),
        ("Great Britain", "GB"),
        ("Holland", "NL"),
        ("the Netherlands", "NL"),
        ("South Korea", "KR"),
        ("Republic of Korea", "KR"),
        ("Korea, Republic of", "KR"),
        ("韩国", "KR"),
        ("남한", "KR"),
        ("대한민국", "KR"),
        ("North Korea", "KP"),
        ("Czechia", "CZ"),
        ("Czech Republic", "CZ"),
        ("Burma", "MM"),
        ("Ivory Coast", "CI"),
        ("Côte d'Ivoire", "CI"),
        ("cote d’ivoire", "CI"),
        ("l'Allemagne", "DE"),
        ("Alemanha", "DE"),
        ("Alemania", "DE"),
        ("Duitsland", "DE"),
        ("ドイツ", "DE"),
        ("독일", "DE"),
        ("德国", "DE"),
        ("德國", "DE"),
        ("EE. UU.", "US"),
        ("St. Lucia", "LC"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("  brasil ", "BR"),
    ],
)
def test_a_country_is_known_by_code_and_by_name(typed: str, code: str) -> None:
    assert country_code(typed) == code


@pytest.mark.parametrize("typed", ["", "  ", "Atlantis", "XX", "XK", "EU"])
def test_what_is_no_country_is_none(typed: str) -> None:
    assert country_code(typed) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_country_is_found_by_its_own_name_in_every_language(language: str) -> None:
    wrong = [(code, name) for code, name in countries(language) if country_code(name) != code]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_lists_all_249_countries_once(language: str) -> None:
    listed = countries(language)
    assert len({code for code, _ in listed}) == len(listed) == 249
    assert all(name and name != code for code, name in listed)


def test_lists_are_sorted_as_readers_expect() -> None:
    german = [name for _, name in countries("de")]
    assert german.index("Ägypten") < german.index("Albanien") < german.index("Zypern")
    japanese = [code for code, _ in countries("ja")]
    assert japanese.index("CA") < japanese.index("KR") < japanese.index("CU")  # カナダ, 韓国, キューバ
    chinese = [code for code, _ in countries("zh")]
    assert chinese.index("EG") < chinese.index("DE") < chinese.index("FJ") < chinese.index("US")
    assert regions("JP", "ja")[0] == ("JP-01", "北海道")


def test_an_unknown_language_gives_english() -> None:
    assert country_name("DE", "tlh") == "Germany"
    assert country_name("DE", "fr") == "Allemagne"


@pytest.mark.parametrize(
    ("country", "typed", "code"),
    [
        ("US", "Texas", "US-TX"),
        ("US", "tx", "US-TX"),
        ("US", "us-tx", "US-TX"),
        ("US", "Washington DC", "US-DC"),
        ("US", "New York State", "US-NY"),
        ("US", "カリフォルニア", "US-CA"),
        ("US", "加州", "US-CA"),
        ("DE", "Bayern", "DE-BY"),
        ("DE", "Bavaria", "DE-BY"),
        ("DE", "Bavière", "DE-BY"),
        ("CA", "Québec", "CA-QC"),
        ("CA", "quebec", "CA-QC"),
        ("BR", "São Paulo", "BR-SP"),
        ("BR", "Sao Paulo", "BR-SP"),
        ("KR", "서울", "KR-11"),
        ("KR", "서울특별시", "KR-11"),
        ("KR", "Gyeonggi-do", "KR-41"),
        ("JP", "東京都", "JP-13"),
        ("JP", "Osaka Prefecture", "JP-27"),
        ("JP", "京都府", "JP-26"),
        ("ES", "Cataluña", "ES-CT"),
        ("ES", "Catalunya", "ES-CT"),
        ("ES", "Madrid", "ES-MD"),
        ("IT", "Tuscany", "IT-52"),
        ("IT", "Firenze", "IT-FI"),
        ("RU", "Sverdlovsk Oblast", "RU-SVE"),
        ("CH", "Genf", "CH-GE"),
        ("GB", "Scotland", "GB-SCT"),
        ("AU", "New South Wales", "AU-NSW"),
        ("NL", "North Holland", "NL-NH"),
        ("IN", "Orissa", "IN-OD"),
        ("IN", "IN-OR", "IN-OD"),
    ],
)
def test_a_region_is_known_by_code_local_and_english_name(country: str, typed: str, code: str) -> None:
    assert region_code(country, typed) == code


@pytest.mark.parametrize(
    ("country", "typed"), [("US", "Bayern"), ("DE", "US-TX"), ("DE", ""), ("US", "Springfield")]
)
def test_a_region_of_elsewhere_is_none(country: str, typed: str) -> None:
    assert region_code(country, typed) is None


@pytest.mark.parametrize(
    "country", ["US", "CA", "AU", "DE", "KR", "JP", "BR", "CH", "ZA", "ES", "MX", "NL", "FR", "GB"]
)
def test_every_region_in_a_list_is_found_by_its_name(country: str) -> None:
    for language in LANGUAGES:
        wrong = [
            (code, name) for code, name in regions(country, language) if region_code(country, name) != code
        ]
        assert wrong == [], language


def test_lists_hold_the_top_level_only() -> None:
    assert len(regions("DE", "en")) == 16
    assert ("DE-BY", "Bavaria") in regions("DE", "en")
    assert ("DE-BY", "Bayern") in regions("DE", "de")
    assert "IT-FI" not in dict(regions("IT", "en"))


def test_regions_inside_a_region_are_listed() -> None:
    assert set(parts_of("ES-CT")) == {"ES-B", "ES-GI", "ES-L", "ES-T"}
    assert parts_of("DE-BY") == ()


def test_codes_are_told_from_words() -> None:
    assert is_country("DE")
    assert not is_country("DEU")
    assert is_region("DE-BY")
    assert not is_region("DE-XX")
    assert region_name("DE-XX", "en") == "DE-XX"


def test_the_weekend_is_that_of_the_country() -> None:
    assert weekend("DE") == {6, 7}
    assert weekend("EG") == {5, 6}
    assert all(weekend(country.alpha_2) for country in pycountry.countries)


def test_importing_the_module_imports_neither_library() -> None:
    program = "import sys, dispatcher.adapters.places; print({'babel', 'pycountry'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
