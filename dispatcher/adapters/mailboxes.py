"""Mail addresses as people type them: the home of email-validator.

Only the form is looked at; nothing is asked of the network.
"""

from functools import lru_cache

from email_validator import EmailNotValidError, ValidatedEmail, validate_email


def mailbox_problem(text: str) -> str | None:
    """What is wrong with the form of a mail address, in a sentence without the address; None if fine."""
    found = _validated(text)
    return found if isinstance(found, str) else None


def normal_mailbox(text: str) -> str:
    """The address in one form, for comparing and for sending: lower case, an internationalised domain in its
    ASCII form (xn--), since it stands in Reply-To headers that every server must be able to read.

    Raises ValueError where `mailbox_problem` has something to say."""
    found = _validated(text)
    if isinstance(found, str):
        raise ValueError(found)
    return (found.ascii_email or found.normalized).lower()


@lru_cache(maxsize=64)
def _validated(text: str) -> ValidatedEmail | str:
    """Asked for twice in a row, as problem and as normal form. Local parts outside ASCII (RFC 6531) are refused:
    few relays pass them on."""
    try:
        return validate_email(text.strip(), check_deliverability=False, strict=True, allow_smtputf8=False)
    except EmailNotValidError as problem:
        return str(problem)
