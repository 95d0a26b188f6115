"""Mail addresses as people type them: the home of email-validator.

Only the form is looked at; nothing is asked of the network.
"""

from email_validator import EmailNotValidError, validate_email


def mailbox_problem(text: str) -> str | None:
    """What is wrong with the form of a mail address, in a sentence without the address; None if fine."""
    try:
        validate_email(text.strip(), check_deliverability=False, strict=True)
    except EmailNotValidError as problem:
        return str(problem)
    return None


def normal_mailbox(text: str) -> str:
    """The address in one form, for comparing and for sending: lower case, the domain as Unicode.

    Raises ValueError where `mailbox_problem` has something to say."""
    return validate_email(text.strip(), check_deliverability=False, strict=True).normalized.lower()
