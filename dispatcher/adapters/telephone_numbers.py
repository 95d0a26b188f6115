"""Telephone and fax numbers: the home of phonenumberslite.

The form and the numbering plan are looked at; no line is tried.
"""

from functools import lru_cache


def number_problem(text: str, country: str | None = None, *, strict: bool = True) -> str | None:
    """What is wrong with a number, in one sentence without the number; None if it is fine.

    country: ISO 3166-1 alpha-2, for a number without "+" and country code. strict: it must be assigned in
    today's numbering plan, not only have a possible length."""
    import phonenumbers  # noqa: PLC0415 - the numbering plans are large; whoever only imports us does not pay

    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return "This is not a telephone number with its country code, such as +49 30 275880."
    if not phonenumbers.is_possible_number(number):
        return "This number is too short or too long for its country."
    if strict and not phonenumbers.is_valid_number(number):
        return "This number is not in the numbering plan of its country."
    return None


def normal_number(text: str, country: str | None = None) -> str:
    """E.164: "+" and digits. Raises ValueError where it is no number at all."""
    import phonenumbers  # noqa: PLC0415

    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException as problem:
        raise ValueError("not a telephone number") from problem
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=64)
def readable_number(text: str) -> str:
    """An E.164 number with the gaps of its country, for people: "+49 30 275880"; unchanged if it is none."""
    import phonenumbers  # noqa: PLC0415

    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
