"""The shipped directory loads, and a broken one names every fault with its line."""

import csv
import shutil
from pathlib import Path

import pytest

from dispatcher.adapters.directory_files import read_directory
from dispatcher.domain.directory_difference import compare
from dispatcher.domain.errors import FileProblems
from dispatcher.domain.mission import ContactKind, Grade
from dispatcher.shelf import resource

SHIPPED = resource("config", "missions")

SMALL = {
    "missions.csv": (
        "id,kind,host_country_iso2,host_country_name,region_iso3166_2,city,time_zone_iana,name_en,address,phone,"
        "fax,email,source,source_date\n"
        'cn-de-berlin,embassy,DE,Germany,DE-BE,Berlin,Europe/Berlin,Embassy,"Brückenstr. 10, Berlin",,,'
        "a@mfa.gov.cn,row=S1; email=S1(press),2024\n"
    ),
    "contacts.csv": (
        "mission_id,channel,value,normalised,valid,role,used_in_missions_csv,grade,source,source_date,note\n"
        "cn-de-berlin,fax,+49 30 27588221,+493027588221,yes,main,Y,B,S1,2024,\n"
    ),
    "jurisdictions.csv": (
        "mission_id,host_country_iso2,region_iso3166_2,region_name,source,valid_from,valid_until\n"
        "cn-de-berlin,DE,DE-BB,Brandenburg,S1,,\n"
    ),
    "sources.csv": "source,what,date,licence\nS1,made up,2024,none\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in SMALL.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def faults(folder: Path) -> list[str]:
    with pytest.raises(FileProblems) as caught:
        read_directory(folder)
    return caught.value.problems


def append(folder: Path, name: str, line: str) -> None:
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def test_the_shipped_directory_has_281_missions_and_all_their_contacts() -> None:
    found = read_directory(SHIPPED)
    with (SHIPPED / "contacts.csv").open(encoding="utf-8", newline="") as file:
        rows = len(list(csv.DictReader(file)))
    assert len(found.missions) == 281
    assert sum(len(mission.contacts) for mission in found.missions) == rows
    assert len(found.sources) > 170


def test_offices_rest_on_the_weekend_of_the_host_country() -> None:
    weekends = {mission.country: mission.weekend for mission in read_directory(SHIPPED).missions}
    assert weekends["US"] == weekends["AE"] == {6, 7}
    assert weekends["EG"] == {5, 6}
    assert weekends["AF"] == {4, 5}
    assert weekends["IR"] == {5}


def test_byte_order_mark_crlf_and_blank_lines_are_fine(folder: Path) -> None:
    before = read_directory(folder)
    for name, text in SMALL.items():
        (folder / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() + b"\r\n")
    assert not compare(before, read_directory(folder))


def test_values_of_a_mission_s_own_row_become_contacts_where_the_contacts_file_lacks_them(
    folder: Path,
) -> None:
    (mission,) = read_directory(folder).missions
    assert [(one.kind, one.value, one.role, one.grade) for one in mission.contacts] == [
        (ContactKind.FAX, "+493027588221", "main", Grade.B),
        (ContactKind.EMAIL, "a@mfa.gov.cn", "press", Grade.C),
        (ContactKind.ADDRESS, "Brückenstr. 10, Berlin", "main", Grade.C),
    ]


def test_regions_inside_a_district_follow_it(folder: Path) -> None:
    append(folder, "missions.csv", "cn-it-florence,consulate,IT,Italy,IT-52,Florence,Europe/Rome,C,,,,,,")
    append(folder, "jurisdictions.csv", "cn-it-florence,IT,IT-52,Tuscany,S1,2020-01-01,")
    rows = {row.region: row for row in read_directory(folder).jurisdictions}
    assert rows["IT-FI"].mission == "cn-it-florence"
    assert rows["IT-FI"].valid_from == rows["IT-52"].valid_from


def test_the_columns_of_the_original_compilation_are_enough(folder: Path) -> None:
    (folder / "jurisdictions.csv").write_text(
        "mission_id,host_country_iso2,region_iso3166_2,source\ncn-de-berlin,DE,DE-BY,S1\n", encoding="utf-8"
    )
    (row,) = read_directory(folder).jurisdictions
    assert (row.region_name, row.valid_from) == ("Bavaria", None)


@pytest.mark.parametrize(
    ("name", "line", "fault"),
    [
        (
            "contacts.csv",
            "cn-de-bonn,fax,+493027588222,,yes,main,Y,B,S1,2024,",
            "'cn-de-bonn' is not a mission",
        ),
        ("contacts.csv", "cn-de-berlin,email,a@@b,,yes,main,Y,B,S1,2024,", "mailbox is not well formed"),
        ("contacts.csv", "cn-de-berlin,fax,+120255,,yes,main,Y,B,S1,2024,", "too short"),
        (
            "contacts.csv",
            "cn-de-berlin,fax,+12025550100999,,yes,main,Y,B,S1,2024,",
            "fax number is not usable",
        ),
        ("contacts.csv", "cn-de-berlin,pigeon,x,,yes,main,Y,B,S1,2024,", "channel is 'pigeon'"),
        ("contacts.csv", "cn-de-berlin,email,b@mfa.gov.cn,,yes,main,Y,D,S1,2024,", "grade is 'D'"),
        ("contacts.csv", "cn-de-berlin,email,b@mfa.gov.cn,,yes,main,perhaps,B,S1,2024,", "must be yes or no"),
        ("contacts.csv", "cn-de-berlin,email,b@mfa.gov.cn,,yes,main,Y,B,S9,2024,", "source 'S9'"),
        (
            "contacts.csv",
            "cn-de-berlin,fax,+49 30 27588221,,yes,main,Y,B,S1,2024,",
            "says again what line 2 says",
        ),
        ("contacts.csv", "cn-de-berlin,fax", "has 2 cells, but the header has 11"),
        ("missions.csv", "cn-de-bonn,castle,DE,Germany,,Bonn,Europe/Berlin,B,,,,,,", "kind is 'castle'"),
        (
            "missions.csv",
            "cn-de-bonn,embassy,DE,Germany,,Bonn,Europe/Bonn,B,,,,,,",
            "time_zone_iana is 'Europe/Bonn'",
        ),
        ("missions.csv", "cn-de-bonn,embassy,DE,Germany,,Bonn,Europe,B,,,,,,", "time_zone_iana is 'Europe'"),
        (
            "missions.csv",
            "cn-de-bonn,embassy,de,Germany,,Bonn,Europe/Berlin,B,,,,,,",
            "host_country_iso2 is 'de'",
        ),
        (
            "missions.csv",
            "cn-de-bonn,embassy,DE,Germany,FR-IDF,Bonn,Europe/Berlin,B,,,,,,",
            "which is not in DE",
        ),
        (
            "missions.csv",
            "cn-de-bonn,embassy,DE,Germany,DE-XX,Bonn,Europe/Berlin,B,,,,,,",
            "not an ISO 3166-2 code",
        ),
        (
            "missions.csv",
            "CN de Bonn,embassy,DE,Germany,,Bonn,Europe/Berlin,B,,,,,,",
            "must look like cn-fr-paris",
        ),
        (
            "missions.csv",
            "cn-fr-bonn,embassy,DE,Germany,,Bonn,Europe/Berlin,B,,,,,,",
            "does not name the host country",
        ),
        ("missions.csv", "cn-de-berlin,embassy,DE,Germany,,Berlin,Europe/Berlin,B,,,,,,", "says again"),
        ("jurisdictions.csv", "cn-de-berlin,DE,DE-SN,Saxony,S1,24.7.2020,", "valid_from is '24.7.2020'"),
        (
            "jurisdictions.csv",
            "cn-de-berlin,DE,DE-SN,Saxony,S1,2020-02-02,2020-01-01",
            "valid_until is before",
        ),
        ("jurisdictions.csv", "cn-de-berlin,DE,,,S1,,", "region_iso3166_2 is empty"),
    ],
)
def test_a_fault_is_told_with_file_and_line(folder: Path, name: str, line: str, fault: str) -> None:
    append(folder, name, line)
    found = faults(folder)
    assert any(one.startswith(f"{name} line 3: ") and fault in one for one in found), found


def test_all_faults_of_all_files_come_at_once(folder: Path) -> None:
    append(folder, "contacts.csv", "cn-de-berlin,pigeon,x,,yes,main,Y,B,S1,2024,")
    append(folder, "jurisdictions.csv", "cn-de-bonn,DE,DE-SN,Saxony,S1,,")
    found = faults(folder)
    assert [one.split(":")[0] for one in found] == ["contacts.csv line 3", "jurisdictions.csv line 3"]


def test_a_row_of_several_lines_does_not_shift_the_count(folder: Path) -> None:
    append(folder, "contacts.csv", 'cn-de-berlin,address,"Street\n1",,,main,Y,B,S1,2024,')
    append(folder, "contacts.csv", "cn-de-bonn,address,x,,,main,Y,B,S1,2024,")
    assert faults(folder) == ["contacts.csv line 5: 'cn-de-bonn' is not a mission of missions.csv"]


def test_wrong_columns_are_named_once_and_no_row_is_read(folder: Path) -> None:
    (folder / "sources.csv").write_text("source,what,when,what\nS1,x,y,z\n", encoding="utf-8")
    assert "sources.csv line 1: the header lacks date and does not know when and has twice what" in faults(
        folder
    )


def test_another_encoding_is_told_with_its_line(folder: Path) -> None:
    (folder / "missions.csv").write_bytes(SMALL["missions.csv"].encode("latin-1"))
    assert "missions.csv line 2: is not UTF-8; save the file with that encoding" in faults(folder)


@pytest.mark.parametrize("name", ["missions.csv", "contacts.csv"])
def test_a_file_that_must_be_there_is_missed(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert f"{name} line 1: is not there" in faults(folder)


def test_an_empty_file_is_told(folder: Path) -> None:
    (folder / "contacts.csv").write_text("", encoding="utf-8")
    assert "contacts.csv line 1: is empty; the header line is missing" in faults(folder)


def test_a_missing_quotation_mark_is_told_and_not_swallowed(folder: Path) -> None:
    append(folder, "contacts.csv", 'cn-de-berlin,address,"Street 1,,,main,Y,B,S1,2024,')
    assert any(one.startswith("contacts.csv line 3: is not CSV") for one in faults(folder))


def test_a_renamed_column_of_the_shipped_files_is_found(tmp_path: Path) -> None:
    copy = tmp_path / "missions"
    shutil.copytree(SHIPPED, copy)
    path = copy / "jurisdictions.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("region_name", "label", 1), encoding="utf-8")
    assert faults(copy) == ["jurisdictions.csv line 1: the header does not know label"]
