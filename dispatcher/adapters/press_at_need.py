"""A press that is set up for the first page. What it works with (typst, Pillow, pdfium) takes 15 MB, and a courier
whose letters all leave by mail never prints one."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dispatcher.domain.campaign import Campaign
from dispatcher.domain.errors import DispatcherError
from dispatcher.services.stationery import (
    EncodedEnclosure,
    FaxLine,
    PageOrder,
    Rendered,
    StationeryUnusable,
)

if TYPE_CHECKING:
    from dispatcher.adapters.press import Press


class PressAtNeed:
    """Safe to share by threads."""

    def __init__(self) -> None:
        self._made: Press | None = None
        self._lock = threading.Lock()

    def render(self, orders: Sequence[PageOrder]) -> list[Rendered | DispatcherError]:
        return self._press().render(orders)

    def fax_enclosures(self, campaign: Campaign) -> tuple[EncodedEnclosure, ...]:
        return self._press().fax_enclosures(campaign)

    def faults(self, campaign: Campaign) -> list[StationeryUnusable]:
        return self._press().faults(campaign)

    def pictures(self, rendered: Rendered, enclosures: Sequence[bytes], line: FaxLine) -> list[bytes]:
        return self._press().pictures(rendered, enclosures, line)

    def rest(self) -> None:
        if self._made is not None:
            self._made.rest()

    def _press(self) -> "Press":
        from dispatcher.adapters.press import Press  # noqa: PLC0415 - that is what this module is for

        with self._lock:
            if self._made is None:
                self._made = Press()
            return self._made
