"""Text messages by Twilio's Messaging API, or a gateway that speaks it."""

from dispatcher.adapters.twilio_client import NoReply, NothingSent, TwilioApi
from dispatcher.telemetry import log

_FINE = frozenset({200, 201, 202})


class TextMessages:
    def __init__(self, base_url: str, account: str, token: str, *, from_number: str) -> None:
        self._api = TwilioApi(base_url, account, token)
        self._from = from_number

    def send(self, number: str, text: str) -> bool:
        """Nothing is tried again: a text that comes twice or late alarms for nothing."""
        try:
            reply = self._api.call("POST", "/Messages.json", To=number, From=self._from, Body=text)
        except (NothingSent, NoReply):
            log.warning("alert_not_sent", reason="no_answer")
            return False
        if reply.status not in _FINE:
            log.warning("alert_not_sent", code=reply.status)
            return False
        return True
