"""Faxes by Telnyx, through its API as it is documented (developers.telnyx.com, fax). Home of httpx.

Not by its own library: see docs/decisions. Signatures are checked with cryptography's Ed25519.
"""

import base64
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from dispatcher.adapters.fax_answers import (
    json_object,
    never,
    nobody_knows,
    number,
    our_fault,
    retry_after,
    taken,
)
from dispatcher.domain.fax_result import CallEnd
from dispatcher.services.fax_carrier import CarrierSilent, CarrierWord, FaxOrder, ForgedCallback, Submission

BASE_URL = "https://api.telnyx.com"
TIMEOUT = 30.0
# A callback that is older is somebody's recording (Telnyx's own library takes five minutes, too).
WINDOW = timedelta(minutes=5)
_QUALITY = {"fine": "high", "standard": "normal"}
_LISTED = 100
_E = CallEnd
# The documented values of failure_reason; what is not here is our side or the carrier's: account, limits, document.
_ENDS = {
    "user_busy": _E.BUSY,
    "receiver_no_answer": _E.NO_ANSWER,
    "receiver_no_response": _E.NO_ANSWER,
    "receiver_recovery_on_timer_expire": _E.NO_ANSWER,
    "receiver_decline": _E.REJECTED,
    "sender_canceled": _E.REJECTED,
    "receiver_incompatible_destination": _E.REJECTED,
    "fax_initial_communication_timeout": _E.NO_FAX,
    "receiver_call_dropped": _E.LINE_ERROR,
    "sender_call_dropped": _E.LINE_ERROR,
    "receiver_communication_error": _E.LINE_ERROR,
    "sender_communication_error": _E.LINE_ERROR,
    "carrier_lost": _E.LINE_ERROR,
    "service_unavailable": _E.LINE_ERROR,
    "fax_signaling_error": _E.LINE_ERROR,
    "invalid_ecm_response_from_receiver": _E.LINE_ERROR,
    "destination_unreachable": _E.LINE_ERROR,
    "": _E.LINE_ERROR,
    "receiver_unallocated_number": _E.BAD_NUMBER,
    "receiver_invalid_number_format": _E.BAD_NUMBER,
    "destination_invalid": _E.BAD_NUMBER,
}
# Error 10016: "Phone number must be in +E.164 format" (developers.telnyx.com, API errors).
_BAD_NUMBERS = frozenset({10016})
_FINE = frozenset({200, 201, 202})
_NOT_FOUND, _TOO_MANY, _SERVER_FAULT = 404, 429, 500
_WHY = {
    401: "Telnyx did not let us sign in; look at fax.token",
    402: "Telnyx asks for payment",
    403: "Telnyx does not allow it to this account",
    404: "Telnyx has no such connection; look at fax.account",
    429: "Telnyx has too many faxes of ours at once",
}
# It writes every address that it asks into the log.
logging.getLogger("httpx").setLevel(logging.WARNING)


class TelnyxFax:
    name = "telnyx"
    fetches = True

    def __init__(
        self,
        base_url: str,
        *,
        key: str,
        connection: str,
        from_number: str,
        public_key: str,
        resolution: str = "fine",
        timeout: float = TIMEOUT,
    ) -> None:
        self._client = httpx.Client(
            base_url=base_url or BASE_URL, headers={"Authorization": f"Bearer {key}"}, timeout=timeout
        )
        self._connection = connection
        self._from = from_number
        self._public_key = public_key
        self._quality = _QUALITY[resolution]

    def submit(self, order: FaxOrder) -> Submission:
        document = {
            "connection_id": self._connection,
            "to": order.number,
            "from": self._from,
            "media_url": order.media_url,
            "quality": self._quality,
            "t38_enabled": True,
            "store_media": False,
            "client_state": base64.b64encode(order.reference.encode()).decode(),
            "webhook_url": order.callback_url,
        }
        try:
            answer = self._client.post("/v2/faxes", json=document)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return our_fault("Telnyx could not be reached.")
        except httpx.HTTPError:
            return nobody_knows("Telnyx did not answer the order.")
        return _submission(answer)

    def status(self, provider_ref: str) -> CarrierWord | None:
        answer = self._ask(f"/v2/faxes/{provider_ref}")
        return None if answer.status_code == _NOT_FOUND else _word(_data(answer))

    def find(
        self, *, reference: str, number: str, media_url: str, since: datetime, known: frozenset[str]
    ) -> CarrierWord | None:
        """Telnyx repeats our reference with every fax."""
        answer = self._ask(
            "/v2/faxes",
            {
                "filter[to][eq]": number,
                "filter[created_at][gte]": since.isoformat(),
                "page[size]": str(_LISTED),
            },
        )
        listed = (json_object(answer.text) or {}).get("data")
        if answer.status_code not in _FINE or not isinstance(listed, list):
            raise CarrierSilent(problem="its list of faxes could not be read.")
        rows = [row for row in listed if isinstance(row, dict)]
        return next((_word(row) for row in rows if _reference(row) == reference), None)

    def cancel(self, provider_ref: str) -> bool:
        return self._ask(f"/v2/faxes/{provider_ref}/actions/cancel", post=True).status_code in _FINE

    def read_callback(
        self, *, url: str, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> CarrierWord:
        self._check(headers, body, now)
        told = (json_object(body.decode("utf-8", "replace")) or {}).get("data")
        event: Mapping[str, Any] = told if isinstance(told, dict) else {}
        payload = event.get("payload")
        if not isinstance(payload, dict) or not isinstance(payload.get("fax_id"), str):
            raise ForgedCallback(problem="it names no fax")
        said = {**payload, "id": payload["fax_id"]}
        if not isinstance(said.get("status"), str):  # of some events only the name tells
            said["status"] = str(event.get("event_type", "")).removeprefix("fax.")
        return _word(said)

    def probe(self) -> list[str]:
        try:
            answer = self._ask("/v2/faxes", {"page[size]": "1"})
        except CarrierSilent as silence:
            return [f"Telnyx: {silence.fields['problem']}"]
        if answer.status_code not in _FINE or json_object(answer.text) is None:
            return [f"Telnyx answered {answer.status_code} to a question for its list of faxes."]
        return []

    def _check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Ed25519 over "timestamp|body". Raises ForgedCallback."""
        stamp = headers.get("telnyx-timestamp", "")
        try:
            signature = base64.b64decode(headers.get("telnyx-signature-ed25519", ""), validate=True)
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(self._public_key, validate=True))
            key.verify(signature, stamp.encode() + b"|" + body)
        except (ValueError, InvalidSignature):
            raise ForgedCallback(problem="its signature is not the carrier's") from None
        if not stamp.isdigit() or abs(now.timestamp() - int(stamp)) > WINDOW.total_seconds():
            raise ForgedCallback(problem="it is too old, or a clock is wrong")

    def _ask(
        self, path: str, query: Mapping[str, str] | None = None, *, post: bool = False
    ) -> httpx.Response:
        """Raises CarrierSilent for every answer that tells nothing of the fax."""
        try:
            answer = self._client.request("POST" if post else "GET", path, params=query)
        except httpx.HTTPError as error:
            raise CarrierSilent(problem="it could not be reached, or did not answer in time.") from error
        if answer.status_code in {401, 403}:
            raise CarrierSilent(problem=f"it did not let us sign in ({answer.status_code}).")
        if answer.status_code == _TOO_MANY or answer.status_code >= _SERVER_FAULT:
            raise CarrierSilent(problem=f"it answered {answer.status_code}.")
        return answer


def _submission(answer: httpx.Response) -> Submission:
    status, body = answer.status_code, json_object(answer.text)
    rest = retry_after(answer.headers.get("Retry-After"))
    if status in _FINE:
        data = (body or {}).get("data")
        ref = data.get("id") if isinstance(data, dict) else None
        if not isinstance(ref, str) or not ref:
            return nobody_knows("Telnyx answered something that is no receipt for a fax.", status)
        return taken("Telnyx has the fax (queued).", ref, status)
    if status >= _SERVER_FAULT or (body is None and status not in _WHY):
        words = f"Telnyx answered {status}, and whether it took the fax is not known."
        return nobody_knows(words, status, rest)
    errors = (body or {}).get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code, pointer = number(first.get("code")), str((first.get("source") or {}).get("pointer", ""))
    said = f" (code {code})." if code is not None else "."
    if code in _BAD_NUMBERS and not pointer.endswith("/from"):
        return never(f"Telnyx does not take this number{said}", code, CallEnd.BAD_NUMBER)
    return our_fault(_WHY.get(status, f"Telnyx answered {status}") + said, code or status, rest)


def _word(said: Mapping[str, Any]) -> CarrierWord:
    """Raises CarrierSilent where it names no fax or no status."""
    ref, status = said.get("id"), said.get("status")
    if not isinstance(ref, str) or not isinstance(status, str):
        raise CarrierSilent(problem="its answer could not be read.")
    reason = str(said.get("failure_reason") or "")
    end = CallEnd.DELIVERED if status == "delivered" else None
    if status == "failed":
        end = _ENDS.get(reason, CallEnd.OUR_SIDE)
    return CarrierWord(
        provider_ref=ref,
        status=status[:40],
        end=end,
        confirmed=number(said.get("page_count")) if end is CallEnd.DELIVERED else None,
        words=(reason or status).replace("_", " ")[:200],
        reference=_reference(said),
    )


def _reference(said: Mapping[str, Any]) -> str | None:
    try:
        return base64.b64decode(str(said.get("client_state") or ""), validate=True).decode() or None
    except ValueError:
        return None


def _data(answer: httpx.Response) -> Mapping[str, Any]:
    data = (json_object(answer.text) or {}).get("data")
    if answer.status_code not in _FINE or not isinstance(data, dict):
        raise CarrierSilent(
            problem=f"it answered {answer.status_code} with something that could not be read."
        )
    return data
