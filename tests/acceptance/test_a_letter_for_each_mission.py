"""Live mode against a real SMTP server on loopback: a letter for every mission of the directory."""

import csv
import hashlib
import io
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path

import pytest

from dispatcher.adapters.mime import approved_part
from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.mission import Channel, Mission
from dispatcher.services.campaigns import coming_day
from dispatcher.services.house import House
from dispatcher.shelf import resource
from tests.acceptance.station import CAMPAIGN, LETTER, SENDER_DOMAIN, Station, live
from tests.servers.aiosmtpd_server import AiosmtpdServer
from tests.servers.in_thread import in_thread
from tests.servers.smtp_sink import smtp_sink, smtp_sink_found

# No supporter's place leads to these: permanent missions to the UN and the EU, and three offices without a
# district. The tests' directory gives each one made-up town, as an organizer would who wants to write to them.
_TOWNS = {
    "cn-be-brussels-eu": ("BE", "BE-BRU"),
    "cn-ch-geneva-un": ("CH", "CH-GE"),
    "cn-kh-siem-reap": ("KH", "KH-17"),
    "cn-kh-sihanoukville": ("KH", "KH-18"),
    "cn-th-phuket": ("TH", "TH-83"),
    "cn-us-new-york-un": ("US", "US-NY"),
}
_NAMES = ("Jane Doe", "김서연", "田中 美咲", "Íñigo Muñoz", "Łukasz Żak", 'O"Neil, Ann')


@dataclass(frozen=True, kw_only=True)
class Writer:
    """The place from which a letter reaches a mission."""

    mission: Mission
    region: str
    city: str
    name: str
    email: str


def _directory(folder: Path) -> Path:
    shutil.copytree(resource("config", "missions"), folder)
    with (folder / "split_regions.csv").open("a", newline="") as file:
        for mission, (country, region) in _TOWNS.items():
            csv.writer(file).writerow([country, region, f"Town of {mission}", "", mission, "", "S01"])
    return folder


def _writers(house: House) -> Iterator[Writer]:
    campaign = house.campaigns.active
    with house.store.read() as work:
        way = house.routing.present(work)
    on = coming_day(campaign, house.clock.now())

    def leads_there(mission: Mission, region: str, city: str) -> bool:
        place = house.intake.place(country=mission.country, region=region, city=city)
        return way.route(place, campaign, on=on, shielded=False).mission == mission.id

    for number, mission in enumerate(way.directory.missions):
        regions = [mission.region or "", ""]
        regions += [row.region for row in way.directory.jurisdictions if row.mission == mission.id]
        cities = ("", mission.city.partition(",")[0])
        places = [(region, city) for region in regions for city in cities]
        if mission.id in _TOWNS:
            places = [(_TOWNS[mission.id][1], f"Town of {mission.id}")]
        # Where the directory lacks the made-up town, the letter takes another way; that is for the caller to mind.
        region, city = next((place for place in places if leads_there(mission, *place)), places[0])
        yield Writer(
            mission=mission,
            region=region,
            city=city,
            name=_NAMES[number % len(_NAMES)],
            email=f"writer-{number}@example.net",
        )


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The day, played once. messages: as the server got them; envelopes: (sender, recipients) beside them."""

    station: Station
    writers: list[Writer]
    messages: list[bytes]
    envelopes: list[tuple[str, list[str]]]
    check_words: str


def test_each_mission_gets_its_letter_once_as_approved_or_holds_it_with_the_reason(tmp_path: Path) -> None:
    sent = _day(tmp_path)
    _each_is_sent_or_held_with_the_reason(sent)
    _each_arrives_once_at_its_missions_own_mailbox(sent)
    _the_bytes_are_those_that_were_approved_but_for_the_date(sent)
    _the_headers_are_the_promised_ones(sent)
    _the_audit_agrees_and_the_accepted_warnings_are_logged(sent)
    _the_log_has_the_servers_own_words(sent)


def _day(folder: Path) -> Sent:
    """check, import, release, courier: as an operator does it, at the campaign's own pace."""
    missions = _directory(folder / "missions")
    with in_thread(AiosmtpdServer()) as server:
        station = live(
            Station(data=folder / "data", settings={"DISPATCHER_MISSIONS__PATH": str(missions)}), server.port
        ).with_settings(CAMPAIGNS__LETTERS_PER_HOUR="30", CHECK__ACCEPT="")
        findings = station.run("check", "--live", "--json", code=1).json["findings"]
        assert {each["severity"] for each in findings} == {"warn"}, findings
        station = station.with_settings(CHECK__ACCEPT=",".join(each["id"] for each in findings))
        words = station.run("check", "--live").out
        with station.house() as house:
            writers = list(_writers(house))
        station.run("import", _letters(folder / "letters.csv", writers), "--confirmed")
        station.run("release", "--campaign", CAMPAIGN, "--now")
        with station.start("courier") as courier:
            courier.says("is at work")
            station.settles()
            courier.stop()
        envelopes = [(each.mail_from or "", each.rcpt_tos) for each in server.messages]
        messages = [each.content for each in server.messages if isinstance(each.content, bytes)]
    return Sent(station=station, writers=writers, messages=messages, envelopes=envelopes, check_words=words)


def _letters(path: Path, writers: list[Writer]) -> Path:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["name", "email", "country", "region", "city", "language", "shielded", "letter"])
    for number, writer in enumerate(writers):
        shielded = "yes" if number % 5 == 0 else "no"
        # Every way in which a body can trip a mail program: dots at line starts, long lines, any script.
        body = f"{LETTER}\n.\n..\n{'long ' * 300}\nПожалуйста · お願いします · {number}"
        rows.writerow(
            [
                writer.name,
                writer.email,
                writer.mission.country,
                writer.region,
                writer.city,
                "en",
                shielded,
                body,
            ]
        )
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def _parsed(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _mailbox(content: bytes, field: str) -> tuple[str, str]:
    """Name and address. By the older parser: the newer one puts a blank between encoded words (cpython 79728)."""
    raw = message_from_bytes(content)[field]
    name, address = parseaddr("".join(raw.splitlines()))
    return str(make_header(decode_header(name))), address


def _each_is_sent_or_held_with_the_reason(sent: Sent) -> None:
    rows = sent.station.log()
    assert {row.delivery.mission for row in rows} == {writer.mission.id for writer in sent.writers}
    assert len(rows) == len(sent.writers) == 281
    states = Counter((row.delivery.channel, row.delivery.state, row.delivery.reason) for row in rows)
    assert set(states) == {
        (Channel.EMAIL, DeliveryState.ACCEPTED, None),
        (Channel.FAX, DeliveryState.HELD, "no_carrier"),
        (Channel.PAPER, DeliveryState.HELD, "no_carrier"),
        (None, DeliveryState.HELD, "no_contact"),
    }
    assert states[(Channel.EMAIL, DeliveryState.ACCEPTED, None)] == len(sent.messages) >= 90


def _each_arrives_once_at_its_missions_own_mailbox(sent: Sent) -> None:
    by_id = {row.delivery.message_id: row.delivery for row in sent.station.log()}
    arrived = [str(_parsed(content)["Message-ID"]) for content in sent.messages]
    assert len(set(arrived)) == len(arrived)
    expected = {id for id, row in by_id.items() if row.channel is Channel.EMAIL}
    assert set(arrived) == expected
    for id, (_, recipients) in zip(arrived, sent.envelopes, strict=True):
        assert recipients == [by_id[id].recipient]


def _the_bytes_are_those_that_were_approved_but_for_the_date(sent: Sent) -> None:
    with sent.station.sqlite() as database:
        digests = dict(
            database.execute(
                "SELECT outbox.message_id, renderings.digest FROM outbox"
                " JOIN renderings ON renderings.id = outbox.rendering"
            )
        )
    database.close()
    for content in sent.messages:
        approved = approved_part(content)
        assert content.startswith(b"Date: ")
        assert content == content.partition(b"\r\n")[0] + b"\r\n" + approved
        assert hashlib.sha256(approved).hexdigest() == digests[str(_parsed(content)["Message-ID"])]


def _the_headers_are_the_promised_ones(sent: Sent) -> None:
    with sent.station.house() as house, house.store.read() as work:
        rows = {row.delivery.message_id: row for row in sent.station.log()}
        letters = work.letters.get({row.delivery.letter for row in rows.values()})
    senders = set()
    for content, (envelope_sender, _) in zip(sent.messages, sent.envelopes, strict=True):
        message = _parsed(content)
        row = rows[str(message["Message-ID"])]
        letter = letters[row.delivery.letter]
        name, address = _mailbox(content, "From")
        assert address == f"letters@{SENDER_DOMAIN}"
        assert name.endswith(" via Save North Korean Refugees Day")
        assert letter.email is not None and letter.name is not None
        if letter.shielded:
            assert _mailbox(content, "Reply-To")[1] == f"letters@{SENDER_DOMAIN}"
            assert letter.email.encode() not in content
        else:
            assert _mailbox(content, "Reply-To")[1] == letter.email
            assert name.startswith(letter.name)
        assert message["Auto-Submitted"] is None
        assert next(iter(message)) == "Date"
        at = row.attempts[0].at
        assert abs((parsedate_to_datetime(str(message["Date"])) - at).total_seconds()) < 5
        assert envelope_sender.startswith("bounce+")
        assert envelope_sender.endswith(f"@bounces.{SENDER_DOMAIN}")
        senders.add(envelope_sender)
        assert max(len(line) for line in content.split(b"\r\n")) <= 998
        body = message.get_body(("plain",))
        assert body is not None
        text = body.get_content()
        assert letter.text is not None and letter.text.strip() in text.replace("\r\n", "\n")
    assert len(senders) == len(sent.messages)  # each names its own delivery


def _the_audit_agrees_and_the_accepted_warnings_are_logged(sent: Sent) -> None:
    found = sent.station.audited()
    assert found["approved"] == 281
    assert found["totals"]["accepted"] == len(sent.messages)
    assert found["totals"]["held"] == 281 - len(sent.messages)
    assert found["in_doubt"] == []
    assert sent.check_words.endswith("Ready to go live.\n")
    courier = next(sent.station.data.parent.glob("0.err")).read_text()
    assert '"finding": "missions-without-contact"' in courier


def _the_log_has_the_servers_own_words(sent: Sent) -> None:
    rows = sent.station.run("log", "--json", "--state", "accepted").json
    assert len(rows) == len(sent.messages)
    for row in rows:
        (attempt,) = row["attempts"]
        assert attempt["outcome"] == "accepted"
        assert (attempt["code"], attempt["enhanced_code"]) == (250, "2.0.0")
        assert attempt["reply"].startswith("2.0.0 Ok: queued as A")
        assert attempt["provider_ref"] == attempt["reply"].rpartition(" ")[2]


@pytest.mark.skipif(not smtp_sink_found(), reason="smtp-sink (postfix) is not installed")
def test_postfix_takes_the_same_letters(station: Station, tmp_path: Path) -> None:
    """Another make of server, which announces other extensions."""
    folder = tmp_path / "sink"
    folder.mkdir()
    with smtp_sink(folder) as sink:
        here = live(station, sink.port)
        with here.house() as house:
            writers = [each for each in _writers(house) if each.mission.id not in _TOWNS]
        here.ask("import", _letters(tmp_path / "letters.csv", writers), "--confirmed")
        here.ask("release", "--campaign", CAMPAIGN, "--now")
        with here.start("courier") as courier:
            courier.says("is at work")
            here.settles()
            courier.stop()
        got = [_without_trace(content) for content in sink.messages()]
    accepted = [row for row in here.log() if row.delivery.state is DeliveryState.ACCEPTED]
    assert len(got) == len(accepted) >= 80
    ids = {str(_parsed(content)["Message-ID"]) for content in got}
    assert ids == {row.delivery.message_id for row in accepted}
    here.audited()


def _without_trace(content: bytes) -> bytes:
    """smtp-sink puts lines of its own above the header."""
    return content[content.index(b"\nDate: ") + 1 :]
