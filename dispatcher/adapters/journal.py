"""The courier's journal on disk: a file a batch, ids and codes only.

    dispatcher-journal 1 <boot id>
    G 101 102             these letters' final dot is in the next bytes that leave
    A 101 accepted 250 2.0.0 4bXq2k1

A record is a line; one that is torn (the last, without its line end) does not count, for its bytes had not left
yet. Records are handed to the operating system with one write each, so `kill -9` loses none; only a power loss
does. Then the boot id has changed, and what the file does not say is not known.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.services.journal import JournalPage, JournalUnwritable

_MARK = "dispatcher-journal 1"
_SUFFIX = ".journal"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Stands for a field that the far end did not give.
_NOTHING = "-"


class JournalFolder:
    """All journals of a data folder. courier: the one that writes here."""

    def __init__(self, folder: Path, courier: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._courier = courier
        self._boot_id = boot_id()

    def open(self, lease: str) -> "JournalFile":
        try:
            return JournalFile(self._folder / f"{self._courier}.{lease}{_SUFFIX}", begun_on=self._boot_id)
        except OSError as error:
            problem = error.strerror or type(error).__name__
            raise JournalUnwritable(folder=self._folder, problem=problem) from error

    def join(self, name: str) -> "JournalFile":
        """A page that another process has opened, to write on it too; it is closed with `leave`."""
        return JournalFile(self._folder / name)

    def read(self, name: str) -> JournalPage:
        """A page that this process has opened: the machine has run on since. Raises OSError."""
        return self._read(name, same_boot=True)

    def left_behind(self, couriers: list[str] | None = None) -> list[JournalPage]:
        """couriers: those that are known to be gone; None means all but this one."""
        pages = []
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            courier = path.name.split(".", 1)[0]
            if courier != self._courier and (couriers is None or courier in couriers):
                pages.append(self._read(path.name, same_boot=False))
        return pages

    def throw_away(self, page: JournalPage) -> None:
        (self._folder / f"{page.courier}.{page.lease}{_SUFFIX}").unlink(missing_ok=True)

    def _read(self, name: str, *, same_boot: bool) -> JournalPage:
        courier, lease = name.removesuffix(_SUFFIX).split(".", 1)
        return _read(self._folder / name, courier, lease, None if same_boot else self._boot_id)


class JournalFile:
    """The page of one batch. begun_on: this boot's id, for a new page; None opens one that is there."""

    def __init__(self, path: Path, *, begun_on: str | None = None) -> None:
        self.name = path.name
        self._path = path
        # A relay that says the same to every letter: what it said last, as it stands in a record.
        self._last: Outcome | None = None
        self._as_written = ""
        new = 0 if begun_on is None else os.O_CREAT | os.O_EXCL
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | new, 0o600)
        if begun_on is not None:
            self._append(f"{_MARK} {begun_on}\n".encode())

    def write(self, going: Sequence[DeliveryId], answers: Sequence[tuple[DeliveryId, Outcome]]) -> None:
        record = ""
        for delivery, outcome in answers:
            if outcome is not self._last:
                self._last, self._as_written = outcome, _as_written(outcome)
            record += f"A {delivery} {self._as_written}"
        if going:
            record += f"G {' '.join(map(str, going))}\n"
        self._append(record.encode())

    def close(self) -> None:
        self.leave()
        self._path.unlink(missing_ok=True)

    def leave(self) -> None:
        """Closes it, and the page stays."""
        os.close(self._descriptor)

    def _append(self, record: bytes) -> None:
        """A short write means a full disk: the next write says so."""
        while record:
            record = record[os.write(self._descriptor, record) :]


def boot_id() -> str:
    """Changes with every start of the machine; "unknown" where the system does not tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"


def _as_written(outcome: Outcome) -> str:
    code = outcome.code if outcome.code is not None else _NOTHING
    reference = outcome.provider_ref.replace(" ", "_")[:100] if outcome.provider_ref else _NOTHING
    relay = "relay" if outcome.relay else _NOTHING
    return f"{outcome.kind!s} {code} {outcome.enhanced_code or _NOTHING} {relay} {reference}\n"


def _read(path: Path, courier: str, lease: str, boot: str | None) -> JournalPage:
    """boot: this start of the machine; None where the page is known to be of it."""
    text = path.read_bytes().decode("ascii", "replace")
    whole = text[: text.rfind("\n") + 1].splitlines()
    same_boot = boot is None or (bool(whole) and boot != "unknown" and whole[0] == f"{_MARK} {boot}")
    going: set[DeliveryId] = set()
    answers: dict[DeliveryId, Outcome] = {}
    readable = bool(whole) and whole[0].startswith(_MARK)
    for line in whole[1:]:
        kind, *fields = line.split(" ")
        try:
            if kind == "G":
                going.update(DeliveryId(int(field)) for field in fields)
            elif kind == "A":
                answers[DeliveryId(int(fields[0]))] = _outcome(fields[1:])
            else:
                readable = False
        except (ValueError, IndexError):
            readable = False
    return JournalPage(
        courier=courier,
        lease=lease,
        complete=same_boot and readable,
        going=frozenset(going),
        answers=answers,
    )


def _outcome(fields: list[str]) -> Outcome:
    kind, code, enhanced_code, relay, reference = fields
    return Outcome(
        kind=OutcomeKind(kind),
        code=None if code == _NOTHING else int(code),
        enhanced_code=None if enhanced_code == _NOTHING else enhanced_code,
        reply="As the courier's journal has it; the server's own words were lost with the courier.",
        provider_ref=None if reference == _NOTHING else reference,
        relay=relay == "relay",
    )
