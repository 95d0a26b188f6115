"""The audit over a large log: makes a database of sent letters by SQL, seals it, and times `dispatcher audit`.

    python -m bench.audit_data --letters 200000 [--keep FOLDER]

Prints one JSON document. Six moves, one attempt and one delivery a letter, as a courier leaves them; texts of the usual length.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import Connection, text

from bench.machine import clean_environment
from dispatcher.adapters.clocks import SystemClock
from dispatcher.adapters.database.engine import Database
from dispatcher.adapters.database.migrate import migrate
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.adapters.database.types import Vault
from dispatcher.services.sealing import Sealing

START = 1_790_000_000_000_000  # microseconds since 1970
TEXT_BYTES = 1500
MISSIONS = 170
STEPS = (
    ("letter", None, "approved", "import"),
    ("delivery", None, "queued", "import"),
    ("delivery", "queued", "leased", "courier 01234567"),
    ("delivery", "leased", "sending", "courier 01234567"),
    ("delivery", "sending", "accepted", "courier 01234567"),
    ("letter", "approved", "dispatched", "courier 01234567"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--letters", type=int, default=200_000)
    parser.add_argument("--keep", type=Path, help="make it there and leave it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(  # the directory, as a first start imports it
            [sys.executable, "-m", "dispatcher", "missions", "list"],
            env=_environment(folder),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        database = Database(f"sqlite:///{folder / 'dispatcher.sqlite3'}", Vault.open(folder / "secret.key"))
        migrate(database)
        fill(database, options.letters)
        started = time.perf_counter()
        blocks = Sealing(store=DatabaseStore(database), clock=SystemClock()).seal_all()
        seconds = time.perf_counter() - started
        database.close()
        rows = options.letters * (len(STEPS) + 2)
        sealed = {"rows": rows, "blocks": blocks, "seal_seconds": seconds}
        print(json.dumps(sealed | _audit(folder, options.letters)))


def fill(database: Database, count: int) -> None:
    """Letters that were all accepted."""
    sealed = database.vault.seal(b"250 2.0.0 Ok: queued as 4XyzQ1234567", b"attempts.reply")
    name = database.vault.seal(b"Jane Doe", b"letters.name")
    with database.write() as connection:
        connection.execute(
            text(
                "CREATE TEMP TABLE n AS WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < :count) "
                "SELECT i FROM s"
            ),
            {"count": count},
        )
        _fill_letters(connection, name)
        for subject, old, new, by in STEPS:
            connection.execute(
                text(
                    'INSERT INTO moves (subject, subject_id, old, new, "by", at) '
                    "SELECT :subject, i, :old, :new, :by, :start + i FROM n"
                ),
                {"subject": subject, "old": old, "new": new, "by": by, "start": START},
            )
        connection.execute(
            text(
                "INSERT INTO attempts (outbox, at, ended_at, outcome, code, enhanced_code, reply, provider_ref) "
                "SELECT i, :start + i, :start + i + 40000, 'accepted', 250, '2.0.0', :sealed, '4Xyz' || i FROM n"
            ),
            {"sealed": sealed, "start": START},
        )


def _fill_letters(connection: Connection, name: bytes) -> None:
    connection.execute(
        text(
            "INSERT INTO letters (id, campaign, action_day, state, source, person, country, language, "
            "shielded, verdict, asked_for_person, mission, submitted_at, approved_at) "
            "SELECT i, 'c', '2027-09-24', 'dispatched', 'file', randomblob(32), 'NL', 'en', 0, "
            "'pass', 0, 'm-' || (i % :missions), :start + i, :start + i FROM n"
        ),
        {"missions": MISSIONS, "start": START},
    )
    connection.execute(
        text(
            "INSERT INTO writings (letter, name, email, subject, text, findings) "
            "SELECT i, :name, randomblob(60), randomblob(60), randomblob(:text), randomblob(32) FROM n"
        ),
        {"name": name, "text": TEXT_BYTES},
    )
    connection.execute(
        text(
            "INSERT INTO outbox (id, kind, letter, campaign, mission, channel, recipient, state, due_at, first_try_at, "
            "message_id, tries, any_hour, created_at, moved_at) "
            "SELECT i, 'letter', i, 'c', 'm-' || (i % :missions), 'email', 'embassy@' || (i % :missions) || '.example', "
            "'accepted', :start + i, :start + i, '<' || i || '.0123456789abcdef@campaign.example>', 1, 0, :start + i, "
            ":start + i FROM n"
        ),
        {"missions": MISSIONS, "start": START},
    )


def _audit(folder: Path, letters: int) -> dict[str, float]:
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "dispatcher", "audit", "--json"],
        env=_environment(folder),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    answer = json.loads(process.stdout.read())
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    assert process.returncode == 0 and answer["ok"] and answer["approved"] == letters, answer["broken"][:5]
    cpu = used.ru_utime + used.ru_stime
    return {"seconds": seconds, "cpu": cpu, "peak_mb": used.ru_maxrss / 1024}


def _environment(folder: Path) -> dict[str, str]:
    return clean_environment(DATA=str(folder), MODE="rehearsal")


if __name__ == "__main__":
    main()
