"""Countries and regions by code and by name in nine languages: the home of babel (CLDR) and pycountry.

Both are imported on first use and turned into dictionaries once, so importing this module costs nothing.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from dispatcher.adapters.place_names import (
    ENGLISH_REGION_NAMES,
    JAPANESE_READINGS,
    OTHER_COUNTRY_NAMES,
    OTHER_REGION_NAMES,
    RENAMED_REGIONS,
)
from dispatcher.domain.campaign import LANGUAGES
from dispatcher.domain.spelling import plain

if TYPE_CHECKING:
    from gettext import NullTranslations

    from babel import Locale


def country_code(text: str) -> str | None:
    """ISO 3166-1 alpha-2 of a country or territory given as alpha-2 or alpha-3 code, or by name in one of the
    nine languages; None if no country or more than one is called so."""
    typed = text.strip()
    if code := _alpha_codes().get(typed.upper()):
        return code
    names = _country_names()
    name = plain(typed)
    return names.get(name) or names.get(plain(_ARTICLE.sub("", typed)))


def country_name(code: str, language: str) -> str:
    """The country's name in that language; in English where the language is not known to CLDR."""
    return _locale(language).territories.get(code) or _locale("en").territories.get(code) or code


def countries(language: str) -> list[tuple[str, str]]:
    """All 249 codes of ISO 3166-1 with their names, sorted as a reader of that language expects."""
    named = [(code, country_name(code, language)) for code in sorted(set(_alpha_codes().values()))]
    return sorted(named, key=lambda pair: _sort_key(pair[1], language))


def long_date(day: date, language: str) -> str:
    """The date written out with its weekday, as the language does (CLDR, full format)."""
    from babel.dates import format_date  # noqa: PLC0415 - babel is loaded only when a name is asked for

    # CLDR's plain English is American; most writers are not.
    return format_date(day, format="full", locale="en_GB" if language == "en" else _locale(language))


def is_country(code: str) -> bool:
    return code in _alpha_codes() and _alpha_codes()[code] == code


def region_code(country: str, text: str) -> str | None:
    """ISO 3166-2 code of a region of that country, given as code with or without the country, or by its
    local, English or translated name; None if there is none or more than one."""
    typed = text.strip()
    code = typed.upper().replace(" ", "-").replace("_", "-")
    for candidate in (code, f"{country}-{code}"):
        known = RENAMED_REGIONS.get(candidate, candidate)
        if known in _region_parents() and known.startswith(f"{country}-"):
            return known
    names = _region_names(country)
    return names.get(plain(typed)) or names.get(plain(_REGION_WORDS.sub(" ", typed)))


def region_name(code: str, language: str) -> str:
    """The region's name in that language where ISO's translations have it, else its local name."""
    if language == "en" and code in ENGLISH_REGION_NAMES:
        return ENGLISH_REGION_NAMES[code]
    name = _region_titles().get(code)
    if name is None:
        return code
    return next(_variants(_translation(language).gettext(name)), name)


def regions(country: str, language: str) -> list[tuple[str, str]]:
    """The top-level regions of a country with their names, sorted as a reader of that language expects."""
    named = [
        (code, region_name(code, language))
        for code, parent in _region_parents().items()
        if parent is None and code.startswith(f"{country}-")
    ]
    if country == "JP" and language == "ja":
        return sorted(named)  # readers know the prefectures from north to south, and so the codes run
    return sorted(named, key=lambda pair: _sort_key(pair[1], language))


def is_region(code: str) -> bool:
    return code in _region_parents()


def parts_of(region: str) -> tuple[str, ...]:
    """All regions inside a region, at every depth (the provinces of an Italian region)."""
    return tuple(code for part in _region_parts().get(region, ()) for code in (part, *parts_of(part)))


@cache
def weekend(country: str) -> frozenset[int]:
    """ISO weekdays (1 = Monday) on which offices of the country rest, by CLDR; Saturday and Sunday where CLDR
    knows nothing of the country."""
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415

    try:
        locale = Locale.parse(f"und_{country}")
    except (UnknownLocaleError, ValueError):
        return frozenset({6, 7})
    first, last = locale.weekend_start, locale.weekend_end  # 0 = Monday
    return frozenset((first + step) % 7 + 1 for step in range((last - first) % 7 + 1))


# Articles before the name of a country, as people write them.
_ARTICLE = re.compile(
    r"^(?:the|la|le|les|el|los|las|o|a|os|as|die|der|das|de|het)\s+|^l['’]\s*", re.IGNORECASE
)
# What kind of region it is, in words that names in ISO 3166-2 leave out or that people leave out.
_REGION_WORDS = re.compile(
    r"\b(?:state|province|prefecture|county|region|canton|territory|republic|oblast'?|krai|kray|respublika|l[äa]n|"
    r"land|bundesland|kanton|provincie|provincia|província|estado|regi[oó]n|région|département|of|de|do|da|del)\b"
    r"|-(?:do|si|shi|ken|fu)\b|-(?:teukbyeolsi|gwangyeoksi)\b"
    r"|(?:特別自治道|특별자치도|특별자치시|특별시|광역시|[県府都省州市도시])$",
    re.IGNORECASE,
)
_SAME_PINYIN = str.maketrans("瑙梵斐", "脑饭飞")
_MORE_LOCALES = ("zh_Hant", "pt_PT", "es_419")
_CATALOGS = ("en", "ko", "ja", "zh_CN", "zh_TW", "es", "pt", "pt_BR", "de", "nl", "fr")
_CATALOG_OF = {"zh": "zh_CN"}


@cache
def _locale(language: str) -> "Locale":
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415

    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")


@cache
def _alpha_codes() -> dict[str, str]:
    import pycountry  # noqa: PLC0415

    codes = {country.alpha_2: country.alpha_2 for country in pycountry.countries}
    codes.update({country.alpha_3: country.alpha_2 for country in pycountry.countries})
    return codes


@cache
def _country_names() -> dict[str, str]:
    import pycountry  # noqa: PLC0415

    known = set(_alpha_codes().values())
    names: list[tuple[str, str]] = []
    for country in pycountry.countries:
        for field in ("name", "official_name", "common_name"):
            if name := getattr(country, field, None):
                names.extend((variant, country.alpha_2) for variant in (name, *_turned(name)))
    for language in (*LANGUAGES, *_MORE_LOCALES):
        names.extend((name, code) for code, name in _locale(language).territories.items() if code in known)
    found = _unambiguous(names)
    # By hand, so they win: "Korea" without a word more is the South.
    found.update({plain(name): code for code, others in OTHER_COUNTRY_NAMES.items() for name in others})
    return found


@cache
def _region_titles() -> dict[str, str]:
    import pycountry  # noqa: PLC0415

    return {region.code: region.name for region in pycountry.subdivisions}


@cache
def _region_parents() -> dict[str, str | None]:
    """Every code of ISO 3166-2, and the code of the region it is in."""
    import pycountry  # noqa: PLC0415

    return {region.code: region.parent_code for region in pycountry.subdivisions}


@cache
def _region_parts() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for code, parent in _region_parents().items():
        if parent:
            found.setdefault(parent, []).append(code)
    return found


@cache
def _region_names(country: str) -> dict[str, str]:
    top: list[tuple[str, str]] = []
    deeper: list[tuple[str, str]] = []
    for code, parent in _region_parents().items():
        if not code.startswith(f"{country}-"):
            continue
        title = _region_titles()[code]
        names = {title, ENGLISH_REGION_NAMES.get(code, title), *OTHER_REGION_NAMES.get(code, ())}
        names |= {_translation(catalog).gettext(title) for catalog in _CATALOGS}
        variants = {variant for name in names for variant in _variants(name)}
        bare = {_REGION_WORDS.sub(" ", variant) for variant in variants}
        (deeper if parent else top).extend((name, code) for name in variants | bare)
    # Madrid is a community and its only province: the larger one is meant, districts are made of those.
    return _unambiguous(deeper) | _unambiguous(top)


@cache
def _translation(language: str) -> "NullTranslations":
    import gettext  # noqa: PLC0415

    import pycountry  # noqa: PLC0415

    catalog = _CATALOG_OF.get(language, language)
    return gettext.translation("iso3166-2", pycountry.LOCALES_DIR, languages=[catalog], fallback=True)


def _unambiguous(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str | None] = {}
    for name, code in names:
        key = plain(name)
        if key:
            found[key] = code if found.get(key, code) == code else None
    return {name: code for name, code in found.items() if code}


def _variants(name: str) -> Iterator[str]:
    """The names inside an entry such as "Catalunya [Cataluña]", "Seoel; Seoul" or "Tatarstan, Respublika"."""
    for part in re.split(r"[;\[\]/()]", name):
        if part.strip():
            yield from (part.strip(), *_turned(part.strip()))


def _turned(name: str) -> Iterator[str]:
    """ "Korea, Republic of" is also "Republic of Korea" and "Tatarstan, Respublika" turned alike."""
    head, comma, tail = name.partition(",")
    if comma:
        yield f"{tail.strip()} {head.strip()}"


def _sort_key(name: str, language: str) -> tuple[bytes, str]:
    if language == "zh":
        # GB 2312 has its common signs in the order of their pinyin; a rare one gets a common one's place.
        return name.translate(_SAME_PINYIN).encode("gb18030"), name
    if language == "ja":
        for signs, reading in JAPANESE_READINGS:
            if name.startswith(signs):
                name = reading + name.removeprefix(signs)
                break
    return plain(name).encode(), name
