"""Row `pages`: how long a page takes, what a thousand letters cost in memory, and what more cores bring."""

import os
import resource as system
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bench.report import Results, Table
from bench.sample_letter import campaign, content
from dispatcher.adapters.fax_pages import fax_document, fax_of
from dispatcher.adapters.press import Press
from dispatcher.adapters.typesetting import TypstTypesetter, page_of
from dispatcher.domain.campaign import LANGUAGES, FaxResolution
from dispatcher.services.stationery import FaxLine, LetterContent, PageOrder, Rendered

ROUNDS = 30
MANY = 1_000
MEGABYTE = 1024


# Name, what was measured, what is aimed at.
Row = tuple[str, str, str]


def pages(results: Results) -> None:
    rows = [measure() for measure in (two_pages, fax_page, header_line, many_letters, all_cores)]
    results.show(Table(title="Letters to pages", columns=("row", "measured", "aim"), rows=rows))


def two_pages() -> Row:
    """No two letters alike, so that nothing comes out of typst's cache but the template."""
    typesetter = TypstTypesetter()
    _, pages = typesetter.set(page_of(letter(0, pages=2), "24 September 2027"))
    assert pages == 2
    took = middle(lambda number: typesetter.set(page_of(letter(number, pages=2), "24 September 2027")))
    return ("pdf", f"{took:.1f} ms for a letter of two pages, fonts loaded", "under 25 ms")


def fax_page() -> Row:
    pdf, pages = TypstTypesetter().set(page_of(letter(0, pages=2), "24 September 2027"))

    def figure(resolution: FaxResolution) -> str:
        return f"{middle(lambda _: fax_of(pdf, resolution)) / pages:.1f} ms a page {resolution.value}"

    figures = [figure(resolution) for resolution in FaxResolution]
    return ("fax", f"{', '.join(figures)}, from PDF to Group 4", "under 60 ms a page")


def header_line() -> Row:
    """What is left to do for a fax when it is sent."""
    pdf, pages = TypstTypesetter().set(page_of(letter(0, pages=2), "24 September 2027"))
    approved = fax_of(pdf).tiff
    line = FaxLine(
        sent_at=datetime(2027, 9, 24, 9, tzinfo=ZoneInfo("Europe/Berlin")),
        sender="Refugees Day",
        number="+12025550124",
    )
    took = middle(lambda _: fax_document(approved, header=line))
    return ("header", f"{took / pages:.1f} ms a page at sending", "")


def many_letters() -> Row:
    """In one process, in nine languages, as faxes; memory after the first hundred and at the end."""
    press = Press(cores=1)
    press.render(orders(100))
    first = memory()
    started = time.process_time()
    for start in range(100, MANY, 100):
        made = press.render(orders(100, start))
        assert all(isinstance(each, Rendered) for each in made)
    took = (time.process_time() - started) / (MANY - 100) * 1000
    figure = f"{memory()} MB at most after {MANY:,} faxes in nine languages ({first} MB after 100); {took:.1f} ms CPU each"
    return ("memory", figure, "flat, under 300 MB")


def all_cores() -> Row:
    """With the start of the workers. On a machine with other work the rates say little; the CPU time a fax says what
    sharing out costs."""
    count, rates, cpu = 800, [], []
    for press in (Press(cores=1), Press()):
        before, started = cpu_time(), time.perf_counter()
        for start in range(0, count, 200):
            press.render(orders(200, start))
        rates.append(count / (time.perf_counter() - started))
        press.rest()
        cpu.append((cpu_time() - before) / count * 1000)
    cores = len(os.sched_getaffinity(0))
    workers = system.getrusage(system.RUSAGE_CHILDREN).ru_maxrss // MEGABYTE
    return (
        "cores",
        f"{rates[0]:.0f} faxes/s on one core ({cpu[0]:.0f} ms CPU each), {rates[1]:.0f} on {cores} ({cpu[1]:.0f} ms CPU); "
        f"a worker has {workers} MB",
        "uses all cores",
    )


def cpu_time() -> float:
    """Of this process and its workers that have ended, in seconds."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def letter(number: int, *, language: str = "en", pages: int = 1) -> LetterContent:
    sample = campaign.sample(language)
    text = "\n\n".join([sample.text] * pages)
    return replace(
        content,
        language=language,
        subject=sample.subject,
        text=f"{number}. {text}",
        reference=f"example/{number}",
    )


def orders(count: int, first: int = 0) -> list[PageOrder]:
    return [
        PageOrder(
            content=letter(number, language=LANGUAGES[number % len(LANGUAGES)]),
            day_line="24 September 2027",
            fax=FaxResolution.FINE,
        )
        for number in range(first, first + count)
    ]


def middle(work: Callable[[int], object]) -> float:
    """Milliseconds."""
    work(1_000_000)
    times = []
    for number in range(ROUNDS):
        started = time.perf_counter()
        work(number)
        times.append((time.perf_counter() - started) * 1000)
    return sorted(times)[ROUNDS // 2]


def memory() -> int:
    """The most that this process ever had, in MB."""
    return system.getrusage(system.RUSAGE_SELF).ru_maxrss // MEGABYTE
