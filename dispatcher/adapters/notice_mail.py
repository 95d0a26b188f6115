"""Mails to supporters: confirmation, reminder, receipt and whatever else has a folder under templates/mail.

A template is `templates/mail/<kind>/<language>.txt`: a line "Subject: ...", an empty line, the body. What a
supporter typed reaches it as a value only, is never evaluated, and cannot add a line to the header.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError
from jinja2.sandbox import SandboxedEnvironment

from dispatcher.adapters.mail_fields import check_message_id, clean, mailbox_field, text_body, text_field
from dispatcher.domain.campaign import Campaign
from dispatcher.domain.errors import DispatcherError
from dispatcher.services.stationery import Rendered
from dispatcher.shelf import resource

FALLBACK_LANGUAGE = "en"
# The one variable that may have several lines; every other is a word or two, or a link.
LETTER_TEXT = "letter_text"
_KIND = re.compile(r"[a-z][a-z_]*")


class NoNotice(DispatcherError):
    """There is no usable template templates/mail/{kind}/{language}.txt: {why}. Its first line must be
    "Subject: ...", its second line empty."""


class NoticeIncomplete(DispatcherError):
    """The mail {kind}/{language} asks for something it was not given: {why}. Give it, or take it out of the
    template."""


def render_notice(
    kind: str,
    *,
    language: str,
    campaign: Campaign,
    recipient: str,
    recipient_name: str,
    message_id: str,
    variables: Mapping[str, str],
) -> Rendered:
    """The mail without its Date, which mime.assemble writes at send. An unknown language gets English.

    variables: of the kinds shipped here name, campaign_name, mission_name, day, link, letter_text, expires.
    Raises NoNotice, NoticeIncomplete, or CannotWriteMail where a value holds a control character.
    """
    language = language if _exists(kind, language) else FALLBACK_LANGUAGE
    subject_template, body_template = _templates(kind, language)
    values = {name: value if name == LETTER_TEXT else clean(name, value) for name, value in variables.items()}
    try:
        subject, body = subject_template.render(values), body_template.render(values)
    except UndefinedError as error:
        raise NoticeIncomplete(kind=kind, language=language, why=str(error)) from error
    check_message_id(message_id)
    transfer_encoding, encoded = text_body(LETTER_TEXT, body)
    message = "\r\n".join(
        (
            mailbox_field("From", campaign.from_name, campaign.from_address),
            mailbox_field("To", recipient_name, recipient),
            mailbox_field("Reply-To", "", campaign.letterhead.email or campaign.from_address),
            text_field("Subject", subject),
            f"Message-ID: {message_id}",
            "Auto-Submitted: auto-generated",  # RFC 3834: asks vacation programs to keep quiet
            "MIME-Version: 1.0",
            f"Content-Language: {language}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Transfer-Encoding: {transfer_encoding}",
            "",
            encoded,
        )
    ).encode("ascii")
    return Rendered(media_type="message/rfc822", content=message, digest=hashlib.sha256(message).hexdigest())


def _exists(kind: str, language: str) -> bool:
    return bool(_KIND.fullmatch(kind)) and language.isalnum() and _path(kind, language).is_file()


@lru_cache(maxsize=256)
def _templates(kind: str, language: str) -> tuple[Template, Template]:
    """(subject, body). They are compiled apart, so that no value can move the line between them."""
    if not _exists(kind, language):
        raise NoNotice(kind=kind, language=language, why="there is no such file")
    head, _, body = _path(kind, language).read_text(encoding="utf-8").partition("\n\n")
    if not head.startswith("Subject: ") or "\n" in head or not body.strip():
        raise NoNotice(kind=kind, language=language, why="it does not begin as it must")
    try:
        return _environment().from_string(head.removeprefix("Subject: ")), _environment().from_string(body)
    except TemplateError as error:
        raise NoNotice(kind=kind, language=language, why=str(error)) from error


@lru_cache(maxsize=1)
def _environment() -> SandboxedEnvironment:
    # Plain text: there is nothing to escape, and "&amp;" in a mail would be a fault.
    return SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


def _path(kind: str, language: str) -> Path:
    return resource("templates", "mail", kind, f"{language}.txt")
