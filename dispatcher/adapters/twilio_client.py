"""A client of Twilio's API, and of gateways that speak it. Home of the twilio library.

Nothing is ever sent twice by itself: the library's own HTTP client has no retries unless it is asked for some.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ConnectTimeout, RequestException
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from urllib3.exceptions import NewConnectionError

from dispatcher.adapters.fax_answers import json_object, retry_after

# Seconds to connect and to wait for an answer. A gateway that needs longer has taken it or has not; it is asked.
TIMEOUT = 30.0
# It would write every request with its parameters into the log: numbers and links.
logging.getLogger("twilio.http_client").setLevel(logging.WARNING)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """status: of HTTP. body: the JSON object, None where it is none. rest: what Retry-After asks for."""

    status: int
    body: Mapping[str, Any] | None
    rest: timedelta | None


class NothingSent(Exception):
    """There was no connection: nothing can have arrived."""


class NoReply(Exception):
    """It was sent, and no answer came."""


class TwilioApi:
    """base_url: without slash at its end. account, token: of HTTP basic."""

    def __init__(self, base_url: str, account: str, token: str, *, timeout: float = TIMEOUT) -> None:
        self._account = f"{base_url}/2010-04-01/Accounts/{account}"
        # The library insists on both, whatever they are.
        self._client = Client(
            account or "none", token or "none", http_client=TwilioHttpClient(timeout=timeout)
        )

    def call(self, method: str, path: str, **data: str) -> Reply:
        """path: below the account. Raises NothingSent, NoReply."""
        fields = {name: value for name, value in data.items() if value}
        try:
            response = self._client.request(
                method,
                f"{self._account}{path}",
                **({"params": fields} if method == "GET" else {"data": fields}),
            )
        except ConnectTimeout as error:
            raise NothingSent("it did not answer in time") from error
        except NoConnection as error:
            if _is_new(error):
                raise NothingSent("it could not be reached") from error
            raise NoReply("the line was lost") from error
        except (RequestException, TwilioException) as error:
            raise NoReply("it did not answer in time") from error
        return Reply(
            status=response.status_code,
            body=json_object(response.text),
            rest=retry_after(response.headers.get("Retry-After") if response.headers else None),
        )


def is_signed(signing_key: str, url: str, fields: Mapping[str, str], signature: str) -> bool:
    """HMAC-SHA1 over the address and the sorted fields (www.twilio.com/docs/usage/security)."""
    return bool(signing_key) and bool(RequestValidator(signing_key).validate(url, dict(fields), signature))


def _is_new(error: NoConnection) -> bool:
    reason = getattr(error.args[0], "reason", error.args[0]) if error.args else None
    return isinstance(reason, NewConnectionError)
