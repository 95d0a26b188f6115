"""Where a letter's reports come back to: an address that names its delivery (VERP)."""

from dispatcher.domain.delivery import DeliveryId
from dispatcher.services.feedback import BOUNCE
from dispatcher.services.store import Links


class ReturnPath:
    """Envelope senders with a keyed hash in them, so that nobody can make one up."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def envelope(self, delivery: DeliveryId, domain: str) -> tuple[str, str]:
        """See services.claiming.Parcelling."""
        token = self._links.delivery_token(BOUNCE, delivery)
        return f"bounce+{token}@{domain}", token
