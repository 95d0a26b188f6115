"""The board: how things stand, what needs somebody, the delivery log with its filter, and the brakes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.directory import Directory
from dispatcher.domain.letter import LetterState
from dispatcher.domain.mission import Channel, Mission, MissionId
from dispatcher.faces.web.console import Console
from dispatcher.faces.web.session import Session
from dispatcher.services.pauses import Pause, PauseScope
from dispatcher.services.pausing import EVERYTHING
from dispatcher.services.report import first_line
from dispatcher.services.store import LogFilter, LogRow

PAGE_ROWS = 50
# In the order in which an organizer wants to see them: what needs somebody comes first. No letter rests as leased.
STATE_ORDER = (
    DeliveryState.HELD,
    DeliveryState.IN_DOUBT,
    DeliveryState.QUEUED,
    DeliveryState.SENDING,
    DeliveryState.ACCEPTED,
    DeliveryState.DELIVERED,
    DeliveryState.BOUNCED,
    DeliveryState.FAILED,
    DeliveryState.CANCELLED,
)


@dataclass(frozen=True, kw_only=True)
class Question:
    """The filter as it was typed; every value may be anything."""

    state: str = ""
    mission: str = ""
    channel: str = ""
    q: str = ""
    page: int = 1

    @property
    def filter(self) -> LogFilter:
        """A number is looked for as a letter's number, anything else in recipient, mission and message id."""
        text = self.q.strip().removeprefix("#")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < _LONGEST_NUMBER else None
        return LogFilter(
            state=DeliveryState(self.state) if self.state in list(DeliveryState) else None,
            mission=self.mission or None,
            channel=Channel(self.channel) if self.channel in list(Channel) else None,
            letter=number,
            text="" if number is not None else text,
        )

    def with_(self, **changes: object) -> str:
        """The address of the board with this filter, some of it changed."""
        asked: dict[str, object] = {
            "state": self.state,
            "mission": self.mission,
            "channel": self.channel,
            "q": self.q,
        }
        told = {name: value for name, value in {**asked, **changes}.items() if value not in {"", 1}}
        return f"/?{urlencode(told)}#log" if told else "/#log"


def asked_of(state: str = "", mission: str = "", channel: str = "", q: str = "", page: str = "1") -> Question:
    return Question(state=state, mission=mission, channel=channel, q=q, page=_number(page, least=1))


_LONGEST_NUMBER = 18  # digits; more do not fit a key of the database
_SAID = {
    "paused": "Paused. {n} deliveries are held now; what is on the wire at this moment is let finish.",
    "resumed": "Resumed. {n} deliveries go on, at each mission’s pace.",
    "gone": "There was no such pause any more; somebody else was quicker.",
}


def board_routes(console: Console) -> APIRouter:
    router = APIRouter()
    house = console.house
    signed_in, acting = Depends(console.signed_in), Depends(console.acting)

    @router.get("/", response_class=HTMLResponse)
    def board(
        request: Request,
        _session: Annotated[Session, signed_in],
        asked: Annotated[Question, Depends(asked_of)],
        said: str = "",
        n: str = "0",
    ) -> Response:
        with house.store.read() as work:
            directory = house.routing.present(work).directory
            totals = work.outbox.totals()
            undecided = work.letters.undecided()
            in_review = undecided.get(LetterState.IN_REVIEW, 0)
            pauses = work.pauses.all()
            count = work.outbox.count(asked.filter)
            pages = max(1, -(-count // PAGE_ROWS))
            at = min(asked.page, pages)
            rows = work.outbox.log(asked.filter, limit=PAGE_ROWS, offset=(at - 1) * PAGE_ROWS)
        return console.pages.show(
            request,
            "board.html",
            asked=asked,
            sentence=first_line(totals, in_review, undecided.get(LetterState.CONFIRMED, 0)),
            totals=[(each, totals.get(each, 0)) for each in STATE_ORDER],
            in_review=in_review,
            pauses=[(pause, pause_in_words(pause, directory)) for pause in pauses],
            everything_paused=any(pause.scope is PauseScope.ALL for pause in pauses),
            rows=[(row, mission_of(row, directory)) for row in rows],
            first=(at - 1) * PAGE_ROWS + 1 if count else 0,
            last=min(at * PAGE_ROWS, count),
            count=count,
            at=at,
            pages=pages,
            missions=sorted(directory.missions, key=lambda each: (each.country_name, each.city)),
            channels=list(Channel),
            campaigns=house.campaigns.all(),
            said=_SAID.get(said, "").format(n=f"{_number(n):,}"),
            last_reply=last_reply,
        )

    @router.post("/pause", response_class=HTMLResponse)
    def pause(
        request: Request,
        session: Annotated[Session, acting],
        scope: Annotated[str, Form()] = "",
        key: Annotated[str, Form()] = "",
        reason: Annotated[str, Form()] = "",
    ) -> Response:
        name = session.organizer.name
        held = house.pausing.pause(
            _scope(scope), key or EVERYTHING, by=name, reason=reason.strip()[:_REASON_LENGTH]
        )
        return _back(request, said="paused", n=held)

    @router.post("/resume", response_class=HTMLResponse)
    def resume(
        request: Request,
        session: Annotated[Session, acting],
        scope: Annotated[str, Form()] = "",
        key: Annotated[str, Form()] = "",
    ) -> Response:
        was, lifted = house.pausing.resume(_scope(scope), key or EVERYTHING, by=session.organizer.name)
        return _back(request, said="resumed" if was else "gone", n=lifted)

    return router


_REASON_LENGTH = 300


def mission_of(row: LogRow, directory: Directory) -> Mission | None:
    return directory.mission(MissionId(row.delivery.mission)) if row.delivery.mission else None


def pause_in_words(pause: Pause, directory: Directory) -> str:
    """What is paused, as the object of "Resume"."""
    match pause.scope:
        case PauseScope.ALL:
            return "everything"
        case PauseScope.CAMPAIGN:
            return pause.key
        case PauseScope.MISSION:
            mission = directory.mission(MissionId(pause.key))
            return f"{mission.city}" if mission else pause.key


def last_reply(row: LogRow) -> str:
    """The far end's last word: its code, or what became of the try where there was none."""
    if not row.attempts:
        return ""
    outcome = row.attempts[-1].outcome
    codes = (str(outcome.code) if outcome.code else "", outcome.enhanced_code or "")
    return " ".join(code for code in codes if code) or outcome.kind.value


def _scope(text: str) -> PauseScope:
    """What is not known is taken for one mission, whose name is then not known either."""
    return PauseScope(text) if text in list(PauseScope) else PauseScope.MISSION


def _back(request: Request, **told: object) -> Response:
    values: Mapping[str, Any] = told
    return RedirectResponse(f"{request.scope.get('root_path', '')}/?{urlencode(values)}", status_code=303)


def _number(text: str, *, least: int = 0) -> int:
    usable = text.isascii() and text.isdigit() and len(text) < _LONGEST_NUMBER
    return max(least, int(text)) if usable else least
