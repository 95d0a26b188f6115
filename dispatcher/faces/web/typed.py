"""What somebody typed into the form, carried from page to page so that nothing has to be typed twice."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fastapi import Request

from dispatcher.domain.campaign import LANGUAGES, Campaign
from dispatcher.services.intake import FIELDS, Draft

_FORM_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True, kw_only=True)
class Typed:
    """fields: by the names of `intake.FIELDS`. form_key: random, one for each form that was opened.
    choose_later: where two consulates share the region, the writer leaves the choice to an organizer."""

    fields: Mapping[str, str]
    form_key: str
    wants_person: bool = False
    choose_later: bool = False
    wants_sample: bool = False

    @property
    def draft(self) -> Draft:
        return Draft(**self.fields, form_key=self._key(), wants_person=self.wants_person)

    @property
    def language(self) -> str:
        return known_language(self.fields["language"])

    def _key(self) -> str:
        """The same words of the same form are the same letter, however often they are sent; a letter that was
        changed after it was sent is another one."""
        told = "\x00".join((self.form_key, *(_plain(self.fields[name]) for name in FIELDS)))
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


async def typed(request: Request) -> Typed:
    """Reads the form of a request; kept with the request, so that an error page can give it back."""
    form = await request.form()

    def text(name: str) -> str:
        value = form.get(name, "")
        return value if isinstance(value, str) else ""

    found = Typed(
        fields={name: text(name) for name in FIELDS},
        form_key=text("form_key") if _FORM_KEY.fullmatch(text("form_key")) else new_form_key(),
        wants_person=bool(text("wants_person")),
        choose_later=bool(text("choose_later")),
        wants_sample=bool(text("wants_sample")),
    )
    request.state.typed = found
    return found


def blank(campaign: Campaign, language: str) -> Typed:
    """A new form with the sample letter in it."""
    fields = dict.fromkeys(FIELDS, "") | {"language": language, "letter": sample_text(campaign, language)}
    return Typed(fields=fields, form_key=new_form_key())


def with_sample(kept: Typed, campaign: Campaign) -> tuple[Typed, bool]:
    """Puts the sample of the chosen language into the form; answers False where the letter holds the writer's
    own words, which stay."""
    text = _plain(kept.fields["letter"])
    if text and text not in {_plain(sample.text) for sample in campaign.samples.values()}:
        return kept, False
    return replace(kept, fields={**kept.fields, "letter": sample_text(campaign, kept.language)}), True


def sample_text(campaign: Campaign, language: str) -> str:
    return campaign.sample(language).text.strip("\n")


def known_language(code: str) -> str:
    """The code itself where letters can be read in it, else English."""
    return code if code in LANGUAGES else "en"


def new_form_key() -> str:
    return secrets.token_urlsafe(24)


def _plain(text: str) -> str:
    """Browsers send line ends as CR LF."""
    return text.replace("\r\n", "\n").strip()
