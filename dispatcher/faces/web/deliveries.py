"""One delivery: where it stands and why, every move and every try with the far end's own words."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from dispatcher.domain.delivery import Delivery, DeliveryId, DeliveryState, HoldReason, remedy
from dispatcher.domain.letter import Letter
from dispatcher.domain.mission import Mission, MissionId
from dispatcher.domain.outcome import Attempt
from dispatcher.faces.web.console import Console
from dispatcher.faces.web.session import Session
from dispatcher.faces.web.sheet import Sheet, sheet_of
from dispatcher.services.house import House
from dispatcher.services.page_view import PageView
from dispatcher.services.store import LogFilter, Work

_IN_DOUBT = (
    "The line broke while it was on the wire, and nobody knows whether it arrived. It is never sent again by "
    "itself. Ask the mission's mail server or the carrier, then settle it with 'dispatcher doubt sent' or "
    "'dispatcher doubt resend'."
)


@dataclass(frozen=True, kw_only=True)
class _Story:
    delivery: Delivery
    mission: Mission | None
    letter: Letter | None
    others: tuple[Delivery, ...]
    attempts: tuple[Attempt, ...]


def delivery_routes(console: Console) -> APIRouter:
    router = APIRouter()
    house = console.house
    view = PageView(house=house)

    @router.get("/deliveries/{number}", response_class=HTMLResponse)
    def delivery(
        request: Request, session: Annotated[Session, Depends(console.signed_in)], number: str
    ) -> Response:
        id = _id(number)
        with house.store.read() as work:
            story = _story(id, house, work) if id is not None else None
            moves = work.outbox.moves(id) if id is not None else []
            pages = view.count(work, story.delivery) if story and session.may_decide else 0
        if story is None:
            sentence = "No delivery has this number. The board shows all of them."
            return console.pages.show(
                request, "plain.html", status=404, title="No such delivery", sentence=sentence
            )
        return console.pages.show(
            request,
            "delivery.html",
            delivery=story.delivery,
            mission=story.mission,
            letter=story.letter,
            others=story.others,
            attempts=story.attempts,
            moves=moves,
            remedy=_remedy(story.delivery),
            sheet=_sheet(story, house) if session.may_decide else None,
            pages=pages,
            zone=story.mission.time_zone if story.mission else "UTC",
            has_mailroom=house.mailroom is not None,
        )

    @router.get("/deliveries/{number}/page-{page}.png")
    def picture(
        request: Request, _session: Annotated[Session, Depends(console.deciding)], number: str, page: str
    ) -> Response:
        id, wanted = _id(number), _id(page)
        with house.store.read() as work:
            delivery = work.outbox.get([id]).get(id) if id is not None else None
        pictures = view.pictures(delivery) if delivery is not None else []
        if wanted is None or not 0 < wanted <= len(pictures):
            return console.pages.show(
                request, "plain.html", status=404, title="No such page", sentence="There is no such page."
            )
        return Response(pictures[wanted - 1], media_type="image/png")

    return router


def _id(number: str) -> DeliveryId | None:
    """Also of a page: a number as the pages write it."""
    fits = number.isascii() and number.isdigit() and len(number) < _LONGEST
    return DeliveryId(int(number)) if fits else None


_LONGEST = 18  # digits; more do not fit a key of the database


def _story(id: DeliveryId, house: House, work: Work) -> _Story | None:
    delivery = work.outbox.get([id]).get(id)
    if delivery is None:
        return None
    directory = house.routing.present(work).directory
    rows = {row.delivery.id: row for row in work.outbox.log(LogFilter(letter=delivery.letter))}
    return _Story(
        delivery=delivery,
        mission=directory.mission(MissionId(delivery.mission)) if delivery.mission else None,
        letter=work.letters.get([delivery.letter]).get(delivery.letter),
        others=tuple(
            row for row in work.outbox.of_letters([delivery.letter]).get(delivery.letter, []) if row.id != id
        ),
        # A notice goes to a supporter: what their mail server said may name them, and is not shown here.
        attempts=rows[id].attempts if id in rows else (),
    )


def _sheet(story: _Story, house: House) -> Sheet | None:
    letter = story.letter
    if letter is None or letter.text is None:
        return None
    return sheet_of(letter, house.campaigns.get(letter.campaign), story.mission, house)


def _remedy(delivery: Delivery) -> str:
    if delivery.state is DeliveryState.IN_DOUBT:
        return _IN_DOUBT
    if delivery.state is DeliveryState.HELD and delivery.reason in list(HoldReason):
        return remedy(HoldReason(delivery.reason))
    return ""
