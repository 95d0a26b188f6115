"""Faxes by a gateway that speaks Twilio's fax API: SignalWire's compatibility API is the living one.

Twilio itself closed its faxes on 17 December 2021, and its library has no fax resource any more; the requests go
through the library's own client all the same. Sources: developer.signalwire.com/compatibility-api (faxes, callbacks).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from dispatcher.adapters.fax_answers import never, nobody_knows, number, our_fault, taken
from dispatcher.adapters.twilio_client import NoReply, NothingSent, Reply, TwilioApi, is_signed
from dispatcher.domain.fax_result import CallEnd
from dispatcher.services.fax_carrier import CarrierSilent, CarrierWord, FaxOrder, ForgedCallback, Submission

_ENDS = {
    "delivered": CallEnd.DELIVERED,
    "busy": CallEnd.BUSY,
    "no-answer": CallEnd.NO_ANSWER,
    "failed": CallEnd.LINE_ERROR,
    "canceled": CallEnd.REJECTED,
}
# Twilio's codes for a number that cannot be called (www.twilio.com/docs/api/errors).
_BAD_NUMBERS = frozenset({13223, 13224, 21211, 21214, 21217, 21401, 21421})
_BLOCKED = frozenset({13225, 13226, 21215, 21216, 21610})
_GONE = 34005  # "Programmable Fax is no longer available"
# What gateways write of a call that failed, in small letters; the first that fits.
_SPOKEN = (
    # The last page went out and was not confirmed: it may lie in the tray.
    (CallEnd.UNKNOWN, ("after sending a page",)),
    (
        CallEnd.OUR_SIDE,
        ("media", "download", "document", "pdf", "account", "balance", "credit", "unauthorized"),
    ),
    (CallEnd.BUSY, ("busy",)),
    (CallEnd.NO_ANSWER, ("no answer", "no-answer", "not answer", "no user responding")),
    (CallEnd.BAD_NUMBER, ("unallocated", "invalid number", "not in service", "no route")),
    (CallEnd.REJECTED, ("rejected", "blocked", "declined")),
    (CallEnd.NO_FAX, ("initial communication", "no fax", "voice", "human", "not a fax")),
)
_LISTED = "50"
_SIGNATURES = ("x-signalwire-signature", "x-twilio-signature")
# A list is looked through for an order of this long at most, after it was given.
_WINDOW = timedelta(minutes=30)

_FINE = {200, 201, 202}


class TwilioFax:
    name = "twilio"
    fetches = True

    def __init__(
        self, api: TwilioApi, *, from_number: str, signing_key: str, resolution: str = "fine"
    ) -> None:
        self._api = api
        self._from = from_number
        self._signing_key = signing_key
        self._resolution = resolution

    def submit(self, order: FaxOrder) -> Submission:
        try:
            reply = self._api.call(
                "POST",
                "/Faxes.json",
                To=order.number,
                From=self._from,
                MediaUrl=order.media_url,
                Quality=self._resolution,
                StatusCallback=order.callback_url,
                StatusCallbackMethod="POST",
                StoreMedia="false",
            )
        except NothingSent as problem:
            return our_fault(f"The fax gateway was not reached: {problem}.")
        except NoReply as problem:
            return nobody_knows(f"The fax gateway did not answer the order: {problem}.")
        return _submission(reply)

    def status(self, provider_ref: str) -> CarrierWord | None:
        reply = self._ask("GET", f"/Faxes/{provider_ref}.json")
        if reply.status == 404:  # noqa: PLR2004
            return None
        return _word(_body(reply))

    def find(
        self, *, reference: str, number: str, media_url: str, since: datetime, known: frozenset[str]
    ) -> CarrierWord | None:
        """The list does not repeat our reference: the link to the pages tells, or the number and the hour."""
        body = _body(self._ask("GET", "/Faxes.json", To=number, PageSize=_LISTED))
        listed = body.get("faxes")
        if not isinstance(listed, list):
            raise CarrierSilent(problem="its list of faxes could not be read.")
        rows = [row for row in listed if isinstance(row, dict) and str(row.get("sid")) not in known]
        for row in rows:
            if row.get("media_url") == media_url or row.get("original_media_url") == media_url:
                return _word(row)
        fitting = [row for row in rows if row.get("to") == number and _made_in(row, since, since + _WINDOW)]
        return _word(fitting[-1]) if fitting else None  # the newest comes first

    def cancel(self, provider_ref: str) -> bool:
        return self._ask("POST", f"/Faxes/{provider_ref}.json", Status="canceled").status in _FINE

    def read_callback(
        self, *, url: str, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> CarrierWord:
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        signature = next((headers[name] for name in _SIGNATURES if name in headers), "")
        if not is_signed(self._signing_key, url, fields, signature):
            raise ForgedCallback(problem="its signature is not the gateway's")
        named = parse_qs(urlsplit(url).query).get("job", [])
        said = {
            "sid": fields.get("FaxSid"),
            "status": fields.get("FaxStatus"),
            "num_pages": fields.get("NumPages"),
            "error_code": fields.get("ErrorCode"),
            "error_message": fields.get("ErrorMessage"),
        }
        try:
            return _word(said, reference=named[0] if named else None)
        except CarrierSilent:
            raise ForgedCallback(problem="it names no fax") from None

    def probe(self) -> list[str]:
        try:
            reply = self._ask("GET", "/Faxes.json", PageSize="1")
        except CarrierSilent as silence:
            return [f"The fax gateway: {silence.fields['problem']}"]
        if reply.status not in _FINE:
            return [f"The fax gateway answered {reply.status} to a question for its list of faxes."]
        if reply.body is None or "faxes" not in reply.body:
            return ["The fax gateway does not answer as one that sends faxes. Is fax.base_url right?"]
        return []

    def _ask(self, method: str, path: str, **data: str) -> Reply:
        """Raises CarrierSilent for every answer that tells nothing of the fax."""
        try:
            reply = self._api.call(method, path, **data)
        except (NothingSent, NoReply) as problem:
            raise CarrierSilent(problem=f"{problem}.") from problem
        if reply.status in {401, 403}:
            raise CarrierSilent(problem=f"it did not let us sign in ({reply.status}).")
        if reply.status == 429 or reply.status >= 500:  # noqa: PLR2004
            raise CarrierSilent(problem=f"it answered {reply.status}.")
        return reply


def _submission(reply: Reply) -> Submission:
    code, said = _code(reply.body), _said(reply.body)
    if reply.status in _FINE:
        sid = (reply.body or {}).get("sid")
        if not isinstance(sid, str) or not sid:
            return nobody_knows(
                "The fax gateway answered something that is no receipt for a fax.", reply.status
            )
        words = f"The carrier has the fax ({(reply.body or {}).get('status') or 'queued'})."
        return taken(words, sid, reply.status)
    if reply.status >= 500 or (reply.body is None and reply.status not in {401, 402, 403, 404, 429}):  # noqa: PLR2004
        return nobody_knows(
            f"The fax gateway answered {reply.status}, and whether it took the fax is not known.",
            reply.status,
            reply.rest,
        )
    if code in _BAD_NUMBERS:
        return never(f"The fax gateway does not take this number{said}.", code, CallEnd.BAD_NUMBER)
    if code in _BLOCKED:
        return never(f"The fax gateway does not call this number{said}.", code, CallEnd.REJECTED)
    return our_fault(
        _WHY.get(code or reply.status, f"The fax gateway answered {reply.status}") + said + ".",
        code or reply.status,
        reply.rest,
    )


_WHY = {
    401: "The fax gateway did not let us sign in; look at fax.account and fax.token",
    402: "The fax gateway asks for payment",
    403: "The fax gateway does not allow it to this account",
    404: "The fax gateway has no such account or no faxes; look at fax.base_url and fax.account",
    429: "The fax gateway has too many orders at once",
    _GONE: "This gateway sends no faxes any more; set fax.base_url to one that does",
}


def _word(said: Mapping[str, Any], *, reference: str | None = None) -> CarrierWord:
    """Raises CarrierSilent where it names no fax or no status."""
    sid, status = said.get("sid"), said.get("status")
    if not isinstance(sid, str) or not isinstance(status, str) or not sid:
        raise CarrierSilent(problem="its answer could not be read.")
    spoken = str(said.get("error_message") or "")
    end = _ENDS.get(status)
    if status == "failed":
        folded = spoken.casefold()
        end = next((each for each, words in _SPOKEN if any(word in folded for word in words)), end)
    return CarrierWord(
        provider_ref=sid,
        status=status[:40],
        end=end,
        confirmed=number(said.get("num_pages")) if end is CallEnd.DELIVERED else None,
        code=number(said.get("error_code")),
        words=f"{status}{f': {spoken[:200]}' if spoken else ''}",
        reference=reference,
    )


def _body(reply: Reply) -> Mapping[str, Any]:
    if reply.body is None or reply.status not in _FINE:
        raise CarrierSilent(problem=f"it answered {reply.status} with something that could not be read.")
    return reply.body


def _made_in(row: Mapping[str, Any], since: datetime, until: datetime) -> bool:
    """A row whose hour cannot be read counts: a fax too few is sought by a person, one too many is sent."""
    text = str(row.get("date_created") or "")
    try:
        made = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        try:
            made = parsedate_to_datetime(text)
        except ValueError:
            return True
    if made.tzinfo is None:
        made = made.replace(tzinfo=UTC)
    return since <= made <= until


def _code(body: Mapping[str, Any] | None) -> int | None:
    return number((body or {}).get("code"))


def _said(body: Mapping[str, Any] | None) -> str:
    """Its number only: a gateway's text may repeat what we gave it."""
    code = _code(body)
    return f" (code {code})" if code is not None else ""
