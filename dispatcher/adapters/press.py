"""The press: letters to pages, on all cores when there are many.

A worker is a process of its own that gets data and gives bytes; it reads no database and no settings. The pool is
started for a batch that is worth it and ended when there is nothing to do.
"""

import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache, partial
from multiprocessing import connection, get_context

from dispatcher.adapters.fax_pages import MOST_PAGES, fax_document, fax_of, fax_pictures
from dispatcher.adapters.letterhead_logo import logo_svg
from dispatcher.adapters.pdf_pages import UnreadablePdf, grey_pictures, page_count
from dispatcher.adapters.processes import usable_cores
from dispatcher.adapters.typesetting import Page, TypstTypesetter, page_of
from dispatcher.domain.campaign import Campaign, Enclosure, FaxResolution
from dispatcher.domain.errors import DispatcherError
from dispatcher.services.stationery import (
    EnclosureUnusable,
    EncodedEnclosure,
    FaxLine,
    PageOrder,
    Rendered,
    StationeryUnusable,
    TooLongToFax,
)
from dispatcher.telemetry import log

# Starting a worker costs as much as setting some fifty letters.
WORTH_A_POOL = 64
_CHUNK = 8
# More than that wait for the database rather than for paper.
_MOST_WORKERS = 8

_PDF, _TIFF = "application/pdf", "image/tiff"

Task = tuple[Page, FaxResolution | None]
Sheet = tuple[bytes, int]


class Press:
    """Safe to share by threads."""

    def __init__(self, *, cores: int | None = None) -> None:
        """cores: how many to use; those that this process may use by default."""
        self._cores = min(cores or usable_cores(), _MOST_WORKERS)
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def render(self, orders: Sequence[PageOrder]) -> list[Rendered | DispatcherError]:
        answers: list[Rendered | DispatcherError | None] = [None] * len(orders)
        tasks: dict[int, Task] = {}
        for position, order in enumerate(orders):
            try:
                tasks[position] = (page_of(order.content, order.day_line), order.fax)
            except DispatcherError as problem:
                answers[position] = problem
        for position, made in zip(tasks, self._run(list(tasks.values())), strict=True):
            answers[position] = self._finished(orders[position], made)
        return [answer for answer in answers if answer is not None]

    def fax_enclosures(self, campaign: Campaign) -> tuple[EncodedEnclosure, ...]:
        return tuple(_fax_enclosure(each, campaign.fax_resolution)[0] for each in campaign.enclosures)

    def faults(self, campaign: Campaign) -> list[StationeryUnusable]:
        found: list[StationeryUnusable] = []
        checks: list[Callable[[], object]] = [
            partial(_fax_enclosure, each, campaign.fax_resolution) for each in campaign.enclosures
        ]
        if (logo := campaign.letterhead.logo) is not None:
            checks.append(lambda: _typesetter().set(_only_a_logo(logo)))
        for check in checks:
            try:
                check()
            except StationeryUnusable as fault:
                found.append(fault)
        return found

    def pictures(self, rendered: Rendered, enclosures: Sequence[bytes], line: FaxLine) -> list[bytes]:
        if rendered.media_type != _TIFF:
            return grey_pictures(rendered.content)
        return fax_pictures(fax_document(rendered.content, header=line, enclosures=enclosures).tiff)

    def rest(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()

    def _run(self, tasks: list[Task]) -> list[Sheet | DispatcherError]:
        if self._cores == 1 or len(tasks) < WORTH_A_POOL:
            return print_sheets(tasks)
        chunks = [tasks[start : start + _CHUNK] for start in range(0, len(tasks), _CHUNK)]
        try:
            return [sheet for chunk in self._workers().map(print_sheets, chunks) for sheet in chunk]
        except BrokenProcessPool:
            # A worker was killed from outside, most likely for want of memory. The letters are all still here.
            log.warning("press_lost")
            self.rest()
            return print_sheets(tasks)

    def _workers(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    self._cores, mp_context=get_context("spawn"), initializer=_begin_work
                )
            return self._pool

    def _finished(self, order: PageOrder, made: Sheet | DispatcherError) -> Rendered | DispatcherError:
        if isinstance(made, DispatcherError):
            return made
        content, pages = made
        campaign = order.content.campaign
        digest = hashlib.sha256(content).hexdigest()
        if order.fax is None:
            enclosures = tuple(enclosure.digest for enclosure in campaign.enclosures)
            return Rendered(
                media_type=_PDF, content=content, digest=digest, enclosures=enclosures, pages=pages
            )
        try:
            enclosed = [_fax_enclosure(each, order.fax) for each in campaign.enclosures]
        except StationeryUnusable as fault:
            return fault
        pages += sum(count for _, count in enclosed)
        if pages > MOST_PAGES:
            return TooLongToFax(pages=pages, most=MOST_PAGES)
        return Rendered(
            media_type=_TIFF,
            content=content,
            digest=digest,
            enclosures=tuple(each.digest for each, _ in enclosed),
            pages=pages,
        )


def print_sheets(tasks: Sequence[Task]) -> list[Sheet | DispatcherError]:
    """What a worker does: PDFs, or TIFFs for a fax, with their number of pages."""
    return [_print_sheet(page, fax) for page, fax in tasks]


def _print_sheet(page: Page, fax: FaxResolution | None) -> Sheet | DispatcherError:
    try:
        pdf, pages = _typesetter().set(page)
        if fax is None:
            return pdf, pages
        if pages > MOST_PAGES:
            return TooLongToFax(pages=pages, most=MOST_PAGES)
        document = fax_of(pdf, fax)
    except DispatcherError as problem:
        return problem
    return document.tiff, document.pages


@lru_cache(maxsize=1)
def _typesetter() -> TypstTypesetter:
    """One a process, and none before the first page."""
    return TypstTypesetter()


@lru_cache(maxsize=16)
def _fax_enclosure(enclosure: Enclosure, resolution: FaxResolution) -> tuple[EncodedEnclosure, int]:
    """With its number of pages. Raises EnclosureUnusable."""
    try:
        pages = page_count(enclosure.content)
        if pages >= MOST_PAGES:
            raise UnreadablePdf(why=f"it has {pages} pages, and a fax may have {MOST_PAGES} with its letter")
        document = fax_of(enclosure.content, resolution)
    except UnreadablePdf as problem:
        raise EnclosureUnusable(name=enclosure.name, why=problem.fields["why"]) from None
    digest = hashlib.sha256(document.tiff).hexdigest()
    return EncodedEnclosure(name=enclosure.name, digest=digest, part=document.tiff), document.pages


def _only_a_logo(logo: bytes) -> Page:
    nothing = {"lines": [""], "rtl": False}
    return {
        "language": "en", "paper": "a4", "letterhead": "", "letterhead_lines": [], "postmark": "", "addressee": [],
        "day": "", "subject": nothing, "paragraphs": [nothing], "last_is_long": False, "signature": nothing,
        "enclosures": [], "reference": "", "logo": logo_svg(logo),
    }  # fmt: skip


def _begin_work() -> None:
    """Ctrl-C is the parent's matter; and a worker must not outlive a parent that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["RAYON_NUM_THREADS"] = "1"  # typst's own threads: the cores are shared out already
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
