"""The supporters' face: write a letter, look at it as the embassy will, confirm it, follow it, take it back.

No cookies, no scripts, nothing fetched from elsewhere. What was typed travels from page to page in the form.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from dispatcher.domain.delivery import HoldReason
from dispatcher.domain.entry import FieldProblem
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.letter import STANDING, LetterState
from dispatcher.domain.mission import MissionId
from dispatcher.domain.own_words import own_words, ownness
from dispatcher.domain.tone import Verdict
from dispatcher.faces.web.coach import Note, notes_of
from dispatcher.faces.web.gate import BodyLimit, CalmErrors
from dispatcher.faces.web.pages import PAGE_LANGUAGE, Pages
from dispatcher.faces.web.sheet import departure_of, sheet_of, unsent
from dispatcher.faces.web.timeline import sentence_of, steps_of
from dispatcher.faces.web.typed import Typed, blank, known_language, typed, with_sample
from dispatcher.services.campaigns import coming_day
from dispatcher.services.confirmation import CONFIRM, LINK_LIFE, STATUS, Answer, Standing
from dispatcher.services.house import House
from dispatcher.services.intake import Reading
from dispatcher.services.store import Work

# Each in its own words: who looks for their language reads it there.
LANGUAGE_NAMES = {
    "en": "English",
    "ko": "한국어",
    "ja": "日本語",
    "zh": "中文",
    "es": "Español",
    "pt": "Português",
    "de": "Deutsch",
    "nl": "Nederlands",
    "fr": "Français",
}

_TypedForm = Annotated[Typed, Depends(typed)]


def supporters_app(house: House) -> FastAPI:
    return _Supporters(house).app


class _Supporters:
    def __init__(self, house: House) -> None:
        self._house = house
        self._pages = Pages(
            "supporters", house, lambda _: {"campaign": house.campaigns.active, "day": self._day()}
        )
        self.app = app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.add_middleware(CalmErrors, answer=self._broken)
        app.add_middleware(BodyLimit, answer=self._too_large)
        app.add_exception_handler(DispatcherError, self._broken)
        app.add_exception_handler(HTTPException, self._not_so)
        app.add_exception_handler(RequestValidationError, self._not_so)
        page: dict[str, Any] = {"response_class": HTMLResponse}
        app.get("/", **page)(self.write)
        app.post("/edit", **page)(self.edit)
        app.post("/preview", **page)(self.preview)
        app.post("/letters", **page)(self.submit)
        app.get("/thanks", **page)(self.thanks)
        app.get("/confirm/{token}", **page)(self.look_before_confirming)
        app.post("/confirm/{token}", **page)(self.confirm)
        app.get("/letter/{token}", **page)(self.status)
        app.post("/letter/{token}/withdraw", **page)(self.withdraw)
        app.get("/privacy", **page)(self.privacy)
        app.get("/healthz", response_class=PlainTextResponse)(self.healthz)

    # --- the form -------------------------------------------------------------------------------------------

    def write(self, request: Request, lang: str = "en") -> Response:
        return self._form(request, blank(self._house.campaigns.active, known_language(lang)))

    def edit(self, request: Request, form: _TypedForm) -> Response:
        if not form.wants_sample:
            return self._form(request, form)
        kept, changed = with_sample(form, self._house.campaigns.active)
        return self._form(request, kept, own_words_kept=not changed)

    def preview(self, request: Request, form: _TypedForm) -> Response:
        house, campaign, now = self._house, self._house.campaigns.active, self._house.clock.now()
        with house.store.read() as work:
            reading = house.intake.read(
                form.draft, house.routing.present(work), campaign, coming_day(campaign, now)
            )
            again = self._again(request, form, reading)
            if again is not None:
                return again
            assert reading.entry is not None and reading.assessment is not None  # noqa: S101
            assert reading.route is not None  # noqa: S101 - a reading without problems has all three
            if reading.route.held is HoldReason.CHOOSE_MISSION and not form.choose_later:
                return self._ask_city(request, form, reading, work)
            letter = unsent(reading.entry, campaign, action_day=coming_day(campaign, now), at=now)
            departure = departure_of(letter, house, work)
        return self._pages.show(
            request,
            "preview.html",
            form=form,
            sheet=sheet_of(letter, campaign, departure.mission, house, channel=departure.channel),
            departure=departure,
            person_reads=form.wants_person or reading.assessment.verdict is not Verdict.PASS,
            reads_well=reading.assessment.verdict is Verdict.PASS,
            hints=reading.assessment.hints,
            ownness=ownness(
                own_words(reading.entry.text, campaign.sample(reading.entry.language).text)
            ).value,
        )

    def submit(self, request: Request, form: _TypedForm) -> Response:
        letter, reading = self._house.intake.submit(form.draft)
        if letter is None:
            again = self._again(request, form, reading)
            return again if again is not None else self._form(request, form)
        return RedirectResponse(f"{request.scope.get('root_path', '')}/thanks", status_code=303)

    def thanks(self, request: Request) -> Response:
        return self._pages.show(request, "thanks.html", days=LINK_LIFE.days)

    # --- the links in our mails -----------------------------------------------------------------------------

    def look_before_confirming(self, request: Request, token: str) -> Response:
        standing = self._house.confirmation.find(CONFIRM, token)
        if standing is None:
            return self._no_letter(request)
        letter = standing.letter
        expired = self._house.clock.now() > letter.submitted_at + LINK_LIFE
        if letter.state in STANDING:
            return self._letter(request, "confirmed.html", standing, token=token)
        if letter.state is LetterState.SUBMITTED and not expired:
            return self._letter(request, "confirm.html", standing, token=token)
        return self._answer_page(request, standing, Answer.EXPIRED)

    def confirm(self, request: Request, token: str) -> Response:
        standing = self._house.confirmation.find(CONFIRM, token)
        if standing is None:
            return self._no_letter(request)
        answer = self._house.confirmation.confirm(standing.letter.id)
        if answer in {Answer.DONE, Answer.ALREADY}:
            return RedirectResponse(str(request.url.path), status_code=303)
        return self._answer_page(request, standing, answer)

    def status(self, request: Request, token: str) -> Response:
        standing = self._house.confirmation.find(STATUS, token)
        if standing is None:
            return self._no_letter(request)
        return self._letter(request, "status.html", standing, token=token)

    def withdraw(self, request: Request, token: str) -> Response:
        standing = self._house.confirmation.find(STATUS, token)
        if standing is None:
            return self._no_letter(request)
        answer = self._house.confirmation.withdraw(standing.letter.id)
        if answer is Answer.TOO_LATE:
            return self._answer_page(request, standing, answer)
        return RedirectResponse(str(request.url.path).removesuffix("/withdraw"), status_code=303)

    # --- the rest -------------------------------------------------------------------------------------------

    def privacy(self, request: Request) -> Response:
        return self._pages.show(request, "privacy.html", days=LINK_LIFE.days)

    def healthz(self) -> str:
        """Answers when the database can be read."""
        with self._house.store.read() as work:
            work.directory.version()
        return "ok\n"

    def _form(
        self,
        request: Request,
        form: Typed,
        *,
        problems: Sequence[FieldProblem] = (),
        notes: Sequence[Note] = (),
        trouble: str = "",
        own_words_kept: bool = False,
        status: int = 200,
    ) -> Response:
        house = self._house
        country = house.places.country_code(form.fields["country"]) if form.fields["country"] else None
        return self._pages.show(
            request,
            "form.html",
            status=status,
            form=form,
            fields=form.fields,
            country=country,
            countries=house.places.countries(form.language),
            regions=house.places.regions(country, form.language) if country else (),
            language_names=LANGUAGE_NAMES,
            problems=problems,
            problem_of={problem.field: problem.message for problem in problems},
            notes=notes,
            trouble=trouble,
            own_words_kept=own_words_kept,
            days=LINK_LIFE.days,
        )

    def _again(self, request: Request, form: Typed, reading: Reading) -> Response | None:
        """The form once more, where something in it is to be mended."""
        if reading.problems:
            return self._form(request, form, problems=reading.problems, status=422)
        assert reading.entry is not None and reading.assessment is not None  # noqa: S101
        if reading.assessment.verdict is Verdict.REVISE and not form.wants_person:
            notes = notes_of(reading.entry.text, reading.assessment.to_mend)
            return self._form(request, form, notes=notes, status=422)
        return None

    def _ask_city(self, request: Request, form: Typed, reading: Reading, work: Work) -> Response:
        assert reading.route is not None  # noqa: S101
        question = reading.route.question
        directory = self._house.routing.present(work).directory
        candidates = [directory.mission(MissionId(id)) for id in question.candidates] if question else []
        return self._pages.show(
            request,
            "city.html",
            form=form,
            question=question.text if question else "",
            candidates=[mission for mission in candidates if mission],
        )

    def _letter(self, request: Request, template: str, standing: Standing, **values: Any) -> HTMLResponse:
        """A page about one letter."""
        house, letter = self._house, standing.letter
        with house.store.read() as work:
            departure = departure_of(letter, house, work)
        campaign = house.campaigns.get(letter.campaign)
        return self._pages.show(
            request,
            template,
            sheet=sheet_of(letter, campaign, departure.mission, house, channel=departure.channel),
            departure=departure,
            sentence=sentence_of(standing, departure.mission, house),
            steps=steps_of(standing, departure.mission, house),
            can_be_taken_back=standing.recallable,
            status_path=f"/letter/{house.store.links.token(STATUS, letter.id)}",
            confirm_until=house.places.long_date((letter.submitted_at + LINK_LIFE).date(), PAGE_LANGUAGE),
            **values,
        )

    def _answer_page(self, request: Request, standing: Standing, answer: Answer) -> Response:
        taken_back = standing.letter.state is LetterState.WITHDRAWN
        status = 410 if answer is Answer.EXPIRED else 409
        return self._pages.show(
            request, "answer.html", status=status, answer=answer.value, taken_back=taken_back
        )

    def _no_letter(self, request: Request) -> Response:
        return self._pages.show(request, "no_letter.html", status=404, days=LINK_LIFE.days)

    def _day(self) -> Any:
        return coming_day(self._house.campaigns.active, self._house.clock.now())

    def _broken(self, request: Request, error: Exception) -> Response:
        """The form with everything that was typed, where there was a form; else a plain page."""
        known = isinstance(error, DispatcherError)
        sentence = str(error) if known else "Something on our side did not work. Nothing was sent."
        kept = getattr(request.state, "typed", None)
        if isinstance(kept, Typed):
            return self._form(request, kept, trouble=sentence, status=400 if known else 500)
        return self._plain(request, "This did not work", sentence, status=400 if known else 500)

    def _not_so(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        if status == 404:  # noqa: PLR2004
            return self._plain(
                request, "There is no such page", "Please check the address, or start afresh.", 404
            )
        return self._plain(
            request,
            "This did not work",
            "The page was asked for in a way that it does not know.",
            status,
        )

    def _too_large(self, request: Request) -> Response:
        sentence = (
            "What you sent is too large to be read. A letter has room for 20,000 characters. Please go back "
            "with your browser's back button: your words are still there, and can be shortened."
        )
        return self._plain(request, "Your letter is too long", sentence, status=413)

    def _plain(self, request: Request, title: str, sentence: str, status: int) -> Response:
        return self._pages.show(request, "plain.html", status=status, title=title, sentence=sentence)
