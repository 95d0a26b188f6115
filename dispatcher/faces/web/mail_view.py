"""A mail as its reader would see it: headers, text, enclosures. Never as HTML."""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass(frozen=True, kw_only=True)
class MailView:
    """headers: as decoded, in their order. text: the first plain text. enclosures: name and size in bytes."""

    headers: tuple[tuple[str, str], ...]
    text: str
    enclosures: tuple[tuple[str, int], ...]

    def header(self, name: str) -> str:
        return next((value for each, value in self.headers if each.casefold() == name.casefold()), "")


def mail_view(content: bytes) -> MailView:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - what policy.default makes
    body = message.get_body(preferencelist=("plain",))
    return MailView(
        headers=tuple((name, str(value)) for name, value in message.items()),
        text=str(body.get_content()).strip("\r\n") if body is not None else "",
        enclosures=tuple(
            (part.get_filename() or part.get_content_type(), len(part.get_payload(decode=True) or b""))
            for part in message.iter_attachments()
        ),
    )
