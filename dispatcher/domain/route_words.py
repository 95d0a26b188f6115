"""How missions, countries and months stand inside the English sentences of a route."""

from datetime import date

from dispatcher.domain.mission import Mission, MissionKind


def in_words(mission: Mission) -> str:
    """ "the consulate-general in Munich", for the middle of a sentence."""
    return post_in_words(mission.kind, mission.city)


def post_in_words(kind: MissionKind, city: str) -> str:
    return f"the {_KINDS[kind]} in {town(city)}"


def kind_in_words(kind: MissionKind) -> str:
    """ "an embassy", "a consulate"."""
    return f"{'an' if _KINDS[kind][0] in 'aeio' else 'a'} {_KINDS[kind]}"


def town(city: str) -> str:
    """ "Washington" of "Washington, D.C."."""
    return city.partition(",")[0]


def with_article(country: str) -> str:
    """The name of a country as it stands inside a sentence: "the Netherlands"."""
    return f"the {country}" if country.endswith(_ARTICLE) and not country.startswith("the ") else country


def is_or_are(country: str) -> str:
    """The verb after a country: "the United States is", "the Cayman Islands are"."""
    return "are" if country.endswith("Islands") else "is"


def month(day: date) -> str:
    """ "July 2020"."""
    return f"{_MONTHS[day.month - 1]} {day.year}"


def capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


_KINDS = {
    MissionKind.EMBASSY: "embassy",
    MissionKind.CONSULATE_GENERAL: "consulate-general",
    MissionKind.CONSULATE: "consulate",
    MissionKind.PERMANENT_MISSION: "permanent mission",
    MissionKind.OFFICE: "office",
}

# English, whatever the locale of the process.
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

_ARTICLE = (
    "Islands",
    "States",
    "Emirates",
    "Netherlands",
    "Philippines",
    "Maldives",
    "Bahamas",
    "Seychelles",
    "Comoros",
    "Gambia",
    "Kingdom",
    "Republic",
    "Republic of the Congo",
    "Territory",
    "Territories",
)
