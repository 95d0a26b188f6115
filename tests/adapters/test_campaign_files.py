"""Campaign files: read whole, or refused with every mistake by its key."""

import hashlib
from datetime import date, time, timedelta
from pathlib import Path

import pytest

from dispatcher.adapters.campaign_files import CampaignFolder, NoSuchCampaign, read_campaign
from dispatcher.domain.campaign import LANGUAGES, CampaignId, FaxResolution, OfficeHours, Pacing
from dispatcher.domain.errors import FileProblems
from dispatcher.domain.mission import Channel, Grade
from dispatcher.shelf import resource
from tests.installation import write_campaign

SHIPPED = resource("config", "campaigns", "save-north-korean-refugees-day.toml")
PDF = b"%PDF-1.7 ..."


def problems(path: Path) -> list[str]:
    with pytest.raises(FileProblems) as raised:
        read_campaign(path)
    assert str(path) in str(raised.value)
    return raised.value.problems


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_campaign(tmp_path / "campaigns", enclosures=[("note.pdf", PDF)])


@pytest.fixture
def file(folder: Path) -> Path:
    return folder / "test-day.toml"


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_the_shipped_campaign_has_a_sample_in_every_language() -> None:
    campaign = read_campaign(SHIPPED)
    assert set(campaign.samples) == set(LANGUAGES)
    assert campaign.action_day.month == 9 and campaign.action_day.moved[2022] == date(2022, 9, 30)
    assert campaign.sample("ko").language == "ko"
    assert campaign.sample("tlh") == campaign.samples["en"]


def test_every_part_of_a_file_is_read(file: Path) -> None:
    campaign = read_campaign(file)
    assert (campaign.id, campaign.from_address) == ("test-day", "letters@campaign.example.org")
    assert campaign.bounce_domain == "campaign.example.org"
    assert campaign.office_hours == OfficeHours(opens=time(9), closes=time(17))
    assert campaign.pacing == Pacing(letters_per_hour=30)
    policy = campaign.retry_policy(Channel.EMAIL)
    assert (policy.first, policy.ceiling, policy.tries) == (timedelta(minutes=5), timedelta(hours=4), 12)
    assert campaign.retry_policy(Channel.FAX).tries == 12
    assert (campaign.least_grade, campaign.webmail) == (Grade.C, True)
    (enclosure,) = campaign.enclosures
    assert (enclosure.name, enclosure.content) == ("note.pdf", PDF)
    assert enclosure.digest == hashlib.sha256(PDF).hexdigest()


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('id = "test-day"', 'id = "Test Day"', "id"),
        ('name = "Refugees Day"\nsummary', 'name = "a\\nBcc: x"\nsummary', "name"),
        ('subject = "A request"', 'subject = "a\\r\\nBcc: x"', "letters.en.subject"),
        ('address = "letters@campaign.example.org"', 'address = "nobody"', "sender.address"),
        ("letters_per_hour = 30", "letters_per_hour = 0", "pacing.letters_per_hour"),
        ("month = 9", "month = 13", "action_day.month"),
        ("closes = 17:00:00", "closes = 08:00:00", "office_hours"),
        ("[letters.en]", "[letters.de]", "letters.en"),
        ("[letters.en]", "[letters.tlh]\ntitle='t'\naddressee='a'\nsubject='s'\ntext='x'\n[letters.en]", "letters.tlh"),
        ("[pacing]", "[pacing]\nper_hour = 3", "pacing.per_hour"),
        ("[retries.email]", "[retries.pigeon]", "retries.pigeon"),
        ("factor = 2.0", "factor = 0.5", "retries.email.factor"),
        ("note.pdf", "missing.pdf", "enclosures"),
        ("[letterhead]", '[letterhead]\nlogo = "missing.png"', "letterhead.logo"),
        ("[pacing]", '[fax]\nresolution = "superfine"\n[pacing]', "fax.resolution"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_its_key(file: Path, old: str, new: str, key: str) -> None:
    change(file, old, new)
    assert any(problem.startswith(key) for problem in problems(file)), problems(file)


def test_every_mistake_is_told_at_once(file: Path) -> None:
    change(file, "letters_per_hour = 30", "letters_per_hour = 0")
    change(file, "month = 9", "month = 0")
    assert len(problems(file)) == 2


@pytest.mark.parametrize("content", [b"id = ", b"\xff\xfe", b""])
def test_a_file_that_is_no_campaign_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    assert problems(path)
    assert problems(tmp_path / "nothing.toml")


def test_only_pdfs_that_a_mail_server_takes_are_enclosed(folder: Path, file: Path) -> None:
    (folder / "note.pdf").write_bytes(b"MZ not a PDF")
    assert "not a PDF" in problems(file)[0]
    (folder / "note.pdf").write_bytes(PDF + bytes(6_000_000))
    assert "6 MB" in problems(file)[0]


def test_the_logo_and_the_resolution_of_faxes_are_read(folder: Path, file: Path) -> None:
    assert (read_campaign(file).letterhead.logo, read_campaign(file).fax_resolution) == (
        None,
        FaxResolution.FINE,
    )
    (folder / "logo.svg").write_bytes(b"<svg/>")
    change(file, "[letterhead]", '[fax]\nresolution = "standard"\n[letterhead]\nlogo = "logo.svg"')
    assert read_campaign(file).letterhead.logo == b"<svg/>"
    assert read_campaign(file).fax_resolution is FaxResolution.STANDARD
    (folder / "logo.svg").write_bytes(bytes(600_000))
    assert "500 kB" in problems(file)[0]


def test_settings_take_the_place_of_what_the_active_campaigns_file_says(folder: Path) -> None:
    found = CampaignFolder(
        folder,
        "test-day",
        from_address="letters@real.example",
        letters_per_hour=7,
        from_name="Another",
        action_day=date(2030, 2, 28),
    ).active
    assert (found.from_address, found.bounce_domain, found.from_name) == (
        "letters@real.example",
        "real.example",
        "Another",
    )
    assert found.pacing.letters_per_hour == 7
    assert found.action_day.moved == {2030: date(2030, 2, 28)}


def test_an_unknown_campaign_names_the_folder(folder: Path) -> None:
    campaigns = CampaignFolder(folder, "test-day")
    assert [campaign.id for campaign in campaigns.all()] == ["test-day"]
    with pytest.raises(NoSuchCampaign, match="campaigns"):
        campaigns.get(CampaignId("another"))
    with pytest.raises(NoSuchCampaign):
        _ = CampaignFolder(folder, "another").active
