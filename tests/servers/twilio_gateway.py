"""A gateway that speaks Twilio's fax API as SignalWire's compatibility API does (developer.signalwire.com)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

from tests.servers.fax_http import Answer, Callback, answer

PROJECT, TOKEN, SIGNING_KEY = "b3877c40-da60-4998-90ad-b792e98472ac", "a-token", "a-signing-key"
ACCOUNT = f"/api/laml/2010-04-01/Accounts/{PROJECT}"


@dataclass
class TwilioGateway:
    """faxes: by sid, as the API shows them. orders: what was asked, newest last. now: the gateway's clock."""

    script: list[str | Answer] = field(default_factory=list)
    faxes: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: list[dict[str, str]] = field(default_factory=list)
    messages: list[dict[str, str]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    always: Answer | None = None
    now: datetime = datetime(2027, 9, 24, 10, tzinfo=UTC)

    def respond(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        where = urlsplit(path)
        self.asked.append(f"{method} {where.path.removeprefix(ACCOUNT)}")
        credentials = base64.b64encode(f"{PROJECT}:{TOKEN}".encode()).decode()
        if headers.get("authorization") != f"Basic {credentials}":
            return answer({"code": 20003, "message": "Authenticate"}, 401)
        if self.always is not None:
            return self.always
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        rest = where.path.removeprefix(ACCOUNT).removesuffix(".json")
        if rest == "/Faxes":
            return self._order(form) if method == "POST" else self._list(dict(parse_qsl(where.query)))
        if rest == "/Messages":
            self.messages.append(form)
            return answer({"sid": "SM1", "status": "queued"}, 201)
        fax = self.faxes.get(rest.removeprefix("/Faxes/"))
        if fax is None:
            return answer({"code": 20404, "message": "not found"}, 404)
        if method == "POST":
            self.cancelled.append(fax["sid"])
            fax["status"] = form["Status"]
        return answer(fax)

    @property
    def taken(self) -> list[str]:
        return list(self.faxes)

    def end(self, sid: str, status: str, *, pages: int | None = None, message: str | None = None) -> None:
        self.faxes[sid] |= {"status": status, "num_pages": pages, "error_message": message}

    def callback(self, ref: str, *, key: str = SIGNING_KEY, **changes: str) -> Callback:
        """What the gateway tells of the fax now. changes: of the fields, after they were signed."""
        fax = self.faxes[ref]
        fields = {
            "FaxSid": ref,
            "AccountSid": PROJECT,
            "From": fax["from"],
            "To": fax["to"],
            "FaxStatus": fax["status"],
            "OriginalMediaUrl": fax["order"]["MediaUrl"],
            "NumPages": "" if fax["num_pages"] is None else str(fax["num_pages"]),
            "ErrorMessage": fax["error_message"] or "",
        }
        url = fax["order"]["StatusCallback"]
        said = url + "".join(name + fields[name] for name in sorted(fields))
        mac = hmac.digest(key.encode(), said.encode(), hashlib.sha1)
        return Callback(
            url=url,
            headers={
                "X-SignalWire-Signature": base64.b64encode(mac).decode(),
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode(fields | changes).encode(),
        )

    def _order(self, form: dict[str, str]) -> Answer | None:
        self.orders.append(form)
        word = self.script.pop(0) if self.script else "take"
        if isinstance(word, Answer):
            return word
        if word == "drop":
            return None
        sid = str(uuid4())
        self.faxes[sid] = {
            "sid": sid,
            "account_sid": PROJECT,
            "api_version": "v1",
            "date_created": self.now.isoformat().replace("+00:00", "Z"),
            "direction": "outbound",
            "from": form["From"],
            "to": form["To"],
            "media_url": None,
            "num_pages": None,
            "quality": form["Quality"],
            "status": "queued",
            "error_message": None,
            "order": form,
        }
        return None if word == "lose" else answer(self.faxes[sid], 201)

    def _list(self, query: dict[str, str]) -> Answer:
        found = [fax for fax in self.faxes.values() if query.get("To") in {None, fax["to"]}]
        shown = [{name: value for name, value in fax.items() if name != "order"} for fax in found]
        return answer({"faxes": shown[::-1], "page": 0, "page_size": 50})
