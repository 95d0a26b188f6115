"""Checks an exported log of dispatcher. Needs nothing but Python 3.8 or newer: no key, no database, no network.

    python3 verify_log.py [FOLDER] [--head HASH] [--json]

FOLDER (by default the one that this script lies in) holds moves.jsonl, attempts.jsonl, deliveries.jsonl and
seals.jsonl. Each line of seals.jsonl seals a block: its "hash" is the SHA-256 of the block's lines in moves.jsonl,
then those in attempts.jsonl, then those in deliveries.jsonl, then the seal's own line without the hash. "previous" is
the hash of the block before, so no block can be changed, taken out or slipped in without all later ones changing.
--head: a hash that you were given earlier or by another way; without it, nobody can see that the end was cut off.

Exit code 0: everything agrees. 1: something does not, and the block is named. 2: wrong use.
"""

from __future__ import annotations  # older Pythons read the annotations below

import argparse
import hashlib
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import IO, Any

TABLES = ("moves", "attempts", "deliveries")
BEGINNING = "0" * 64
FORMAT = 1
WITH_MISSION = ("accepted", "delivered")
_SEAL = re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})"\}\n')


# Steps that have no row of their own any more: an attempt, or the letter's delivery, tells of them.
_SAID_ELSEWHERE = {"leased": "queued", "sending": "queued", "dispatched": "approved"}


class Broken(Exception):
    """The export does not agree with its seals; the text says where."""


class Log:
    """What the sealed lines say. deliveries: their (letter, mission, channel), letters only. states: where the
    moves leave each delivery."""

    def __init__(self) -> None:
        self.deliveries: dict[int, tuple[int, str, str]] = {}
        self.states: dict[int, str] = {}
        self.accepted: Counter[int] = Counter()
        self.arrived: Counter[int] = Counter()
        self._held: set[tuple[int, str]] = set()
        self.faults: list[str] = []
        self._ends: dict[tuple[str, int], str] = {}

    def take(self, table: str, row: dict[str, Any]) -> None:
        if table == "deliveries":
            if row["kind"] == "letter":
                self.deliveries[row["id"]] = (
                    row["letter"],
                    row["mission"] or "none",
                    row["channel"] or "none",
                )
        elif table == "attempts":
            self._take_answer(row["delivery"], row["outcome"], row["provider_ref"])
        else:
            subject = (row["subject"], row["subject_id"])
            if _logged(self._ends.get(subject)) != _logged(row["old"]):
                self.faults.append(
                    f"move {row['id']}: {subject[0]} {subject[1]} goes on from {row['old']}, and it stood at "
                    f"{self._ends.get(subject)}"
                )
            self._ends[subject] = row["new"]
            if row["subject"] == "delivery":
                self.states[row["subject_id"]] = row["new"]

    def _take_answer(self, delivery: int, outcome: str, reference: str | None) -> None:
        """A fax carrier that could not deliver gives the fax back, under its own id for it."""
        if outcome == "accepted":
            self.accepted[delivery] += 1
            if reference:
                self._held.add((delivery, reference))
        elif outcome == "delivered":
            self.arrived[delivery] += 1
        elif reference and (delivery, reference) in self._held:
            self._held.discard((delivery, reference))
            self.accepted[delivery] -= 1

    def check(self) -> None:
        reached: Counter[int] = Counter()
        for delivery, (letter, _, _) in self.deliveries.items():
            reached[letter] += self.states.get(delivery) in WITH_MISSION
        self.faults += [f"letter {each}: is with its mission twice" for each, n in reached.items() if n > 1]
        self.faults += [f"delivery {each}: was accepted twice" for each, n in self.accepted.items() if n > 1]
        self.faults += [f"delivery {each}: was delivered twice" for each, n in self.arrived.items() if n > 1]

    def totals(self) -> dict[tuple[str, str], Counter[str]]:
        found: dict[tuple[str, str], Counter[str]] = {}
        for delivery, (_, mission, channel) in self.deliveries.items():
            found.setdefault((mission, channel), Counter())[self.states.get(delivery, "unknown")] += 1
        return dict(sorted(found.items()))


def read_log(folder: Path, head: str | None = None) -> tuple[Log, int, str]:
    """(what the log says, number of blocks, hash of the last one). Raises Broken, OSError."""
    log = Log()
    number, previous = 0, BEGINNING
    last = dict.fromkeys(TABLES, 0)
    known = head is None
    files: dict[str, IO[bytes]] = {table: (folder / f"{table}.jsonl").open("rb") for table in TABLES}
    try:
        with (folder / "seals.jsonl").open("rb") as seals:
            for line in seals:
                number, previous = _read_block(line, number, previous, last, files, log)
                known = known or previous == head
        for table, file in files.items():
            if file.readline():
                raise Broken(f"{table}.jsonl goes on after block {number}, the last one")
    finally:
        for file in files.values():
            file.close()
    if not known:
        raise Broken(
            f"no block has the hash {head}: after block {number} something was cut off, or all was sealed anew"
        )
    log.check()
    return log, number, previous


def _read_block(
    line: bytes, number: int, previous: str, last: dict[str, int], files: dict[str, IO[bytes]], log: Log
) -> tuple[int, str]:
    parts = _SEAL.fullmatch(line)
    name = f"block {number + 1}"
    if parts is None:
        raise Broken(f"{name}: its line in seals.jsonl is no seal")
    seal = _json(parts.group(1) + b"}", name)
    if seal.get("number") != number + 1 or seal.get("format") != FORMAT:
        raise Broken(
            f"{name}: the seal in its place has number {seal.get('number')}, format {seal.get('format')}"
        )
    if seal.get("previous") != previous:
        raise Broken(f"{name}: does not carry the hash of the block before")
    digest = hashlib.sha256()
    for table in TABLES:
        first, end, count = seal[table]
        if first != last[table] + 1:
            raise Broken(f"{name}: does not begin with its {table} where the block before ended")
        before = first - 1
        for _ in range(count):
            text = files[table].readline()
            digest.update(text)
            row = _json(text, f"{name}, {table}")
            if not before < row["id"] <= end:
                raise Broken(f"{name}: {table} number {row['id']} does not belong here")
            before = row["id"]
            log.take(table, row)
        last[table] = end
    digest.update(parts.group(1) + b"}\n")
    if digest.hexdigest() != parts.group(2).decode():
        raise Broken(f"{name}: its lines or its seal are not what was sealed")
    return number + 1, digest.hexdigest()


def _logged(state: str | None) -> str | None:
    return _SAID_ELSEWHERE.get(state or "", state)


def _json(text: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Broken(f"{name}: a line is missing or is no JSON object")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks an exported log of dispatcher.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--head", help="a hash of the chain that you were given earlier or by another way")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    try:
        log, blocks, head = read_log(options.folder, options.head)
        faults = log.faults
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    except (Broken, KeyError, TypeError, ValueError) as broken:
        log, blocks, head, faults = (
            Log(),
            0,
            "",
            [str(broken) if isinstance(broken, Broken) else "a line is malformed"],
        )
    totals = log.totals()
    if options.json:
        rows = [{"mission": m, "channel": c, "totals": dict(each)} for (m, c), each in totals.items()]
        print(
            json.dumps(
                {"ok": not faults, "blocks": blocks, "head": head, "by_mission": rows, "broken": faults}
            )
        )
    else:
        for (mission, channel), each in totals.items():
            words = ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in sorted(each.items()))
            print(f"{mission:<32} {channel:<6} {words}")
        for fault in faults[:100]:
            print(f"BROKEN: {fault}.")
        if not faults:
            print(f"Blocks that agree: {blocks:,}. Head of the chain: {head}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
