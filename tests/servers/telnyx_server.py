"""A server that speaks Telnyx's fax API and signs its webhooks (developers.telnyx.com)."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.servers.fax_http import Answer, Callback, answer

KEY, CONNECTION = "KEY-of-tests", "234423"
_REASONS = {
    "busy": "user_busy",
    "no_answer": "receiver_no_answer",
    "line_error": "receiver_call_dropped",
    "no_fax": "fax_initial_communication_timeout",
    "bad_number": "receiver_unallocated_number",
}


@dataclass
class TelnyxServer:
    script: list[str | Answer] = field(default_factory=list)
    faxes: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: list[dict[str, Any]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    now: datetime = datetime(2027, 9, 24, 10, tzinfo=UTC)
    _private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public_key(self) -> str:
        raw = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    @property
    def taken(self) -> list[str]:
        return list(self.faxes)

    def ends(self, ref: str, how: str, *, pages: int | None = None) -> None:
        reason = _REASONS.get(how)
        self.faxes[ref] |= {"status": "failed" if reason else how, "failure_reason": reason, "pages": pages}

    def callback(self, ref: str, *, at: datetime | None = None) -> Callback:
        fax = self.faxes[ref]
        payload = {
            "fax_id": ref,
            "status": fax["status"],
            "client_state": fax["client_state"],
            "to": fax["to"],
            "from": fax["from"],
        }
        if fax["status"] == "delivered":
            payload |= {"page_count": fax["pages"], "call_duration_secs": 71}
        if fax["failure_reason"]:
            payload["failure_reason"] = fax["failure_reason"]
        event = {"id": str(uuid4()), "event_type": f"fax.{fax['status']}", "payload": payload}
        body = json.dumps({"data": event | {"record_type": "event"}}).encode()
        stamp = str(int((at or self.now).timestamp()))
        signature = self._private.sign(stamp.encode() + b"|" + body)
        return Callback(
            url=fax["webhook_url"],
            headers={
                "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
                "telnyx-timestamp": stamp,
                "content-type": "application/json",
            },
            body=body,
        )

    def respond(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        where = urlsplit(path)
        if headers.get("authorization") != f"Bearer {KEY}":
            return answer({"errors": [{"code": "10009", "title": "Authentication failed"}]}, 401)
        if where.path == "/v2/faxes":
            return self._order(json.loads(body)) if method == "POST" else self._list(parse_qs(where.query))
        id, _, action = where.path.removeprefix("/v2/faxes/").partition("/actions/")
        if id not in self.faxes:
            return answer({"errors": [{"code": "10005", "title": "Resource not found"}]}, 404)
        if action == "cancel":
            self.cancelled.append(id)
            self.faxes[id] |= {"status": "failed", "failure_reason": "sender_canceled"}
            return answer({"data": {"result": "ok"}}, 202)
        return answer({"data": self._shown(id)})

    def _order(self, order: dict[str, Any]) -> Answer | None:
        self.orders.append(order)
        word = self.script.pop(0) if self.script else "take"
        if isinstance(word, Answer):
            return word
        if word == "drop":
            return None
        id = str(uuid4())
        self.faxes[id] = order | {
            "id": id,
            "record_type": "fax",
            "direction": "outbound",
            "status": "queued",
            "failure_reason": None,
            "created_at": self.now.isoformat(),
            "pages": None,
        }
        return None if word == "lose" else answer({"data": self._shown(id)}, 202)

    def _list(self, query: dict[str, list[str]]) -> Answer:
        to, since = query.get("filter[to][eq]"), query.get("filter[created_at][gte]")
        shown = [
            self._shown(id)
            for id, fax in self.faxes.items()
            if (to is None or to == [fax["to"]]) and (since is None or since[0] <= fax["created_at"])
        ]
        return answer({"data": shown, "meta": {"total_results": len(shown)}})

    def _shown(self, id: str) -> dict[str, Any]:
        """The fax object does not tell its pages; only the webhook does."""
        return {name: value for name, value in self.faxes[id].items() if name != "pages"}
