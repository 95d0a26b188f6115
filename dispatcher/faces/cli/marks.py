"""One mark for each state, the same everywhere; understood without colour."""

from dispatcher.domain.delivery import DeliveryState

_MARKS = {
    DeliveryState.HELD: "▯",
    DeliveryState.QUEUED: "○",
    DeliveryState.LEASED: "◐",
    DeliveryState.SENDING: "◐",
    DeliveryState.ACCEPTED: "●",
    DeliveryState.DELIVERED: "●",
    DeliveryState.BOUNCED: "✕",
    DeliveryState.FAILED: "✕",
    DeliveryState.IN_DOUBT: "◇",
    DeliveryState.CANCELLED: "–",
}


def mark(state: DeliveryState) -> str:
    return _MARKS[state]
