"""Every command: its help, and what it says to wrong arguments."""

import subprocess
import sys

import click
import pytest

from dispatcher.faces.cli.main import COMMANDS, cli
from tests.faces.cli.conftest import Desk


def _all_commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    context = click.Context(cli)
    for name in COMMANDS:
        found.append((name,))
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            found += [(name, each) for each in command.commands]
    return found


ALL = _all_commands()


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_each_command_tells_what_it_does(command: tuple[str, ...], desk: Desk) -> None:
    for flag in ("--help", "-h"):
        done = desk.run(*command, flag)
        assert done.out.startswith("Usage: dispatcher")
        assert len(done.out.splitlines()) > 3
        assert done.err == ""


@pytest.mark.parametrize("command", [each for each in ALL if each], ids=" ".join)
def test_each_command_refuses_what_it_does_not_know(command: tuple[str, ...], desk: Desk) -> None:
    words = desk.refused(*command, "--no-such-option")
    assert "--no-such-option" in words or "Missing" in words or "no such" in words.lower()


def test_every_command_of_the_contract_is_there() -> None:
    """Design section 7: other programs rely on these words."""
    contract = (
        "serve courier migrate check import tone route rehearse release pause resume log watch doubt audit missions "
        "organizer packet report erase"
    )
    assert set(contract.split()) <= set(COMMANDS)
    deeper = {each for each in ALL if len(each) == 2}
    assert {("doubt", each) for each in ("list", "sent", "resend")} <= deeper
    assert {("missions", each) for each in ("list", "show", "set", "verify", "import")} <= deeper
    assert {("organizer", each) for each in ("add", "link", "disable")} <= deeper


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("frobnicate", "No such command 'frobnicate'"),
        ("route", "Give --country"),
        ("route --country Atlantis", "not known by that name"),
        ("route --country US --region NL-ZH", "not known in US"),
        ("route --jsonl /no/such/file", "cannot be read"),
        ("import", "Name the FILE of letters"),
        ("pause", "Give one of --mission ID, --campaign ID or --all."),
        ("pause --all --mission cn-nl-the-hague", "Give one of"),
        ("pause --mission cn-xx-nowhere", "There is no mission 'cn-xx-nowhere'"),
        ("resume --campaign nothing", "nothing"),
        ("release", "Missing option"),
        ("release --campaign nothing", "nothing"),
        ("log --state nonsense", "nonsense"),
        ("log --letter x", "not a valid integer"),
        ("rehearse --letters 0", "0"),
        ("rehearse --day 24.9.2027", "24.9.2027"),
        ("doubt sent 1 --reason seen", "Delivery 1 is not in doubt."),
        ("doubt resend 99999 --reason seen", "Delivery 99999 is not in doubt."),
        ("doubt sent x --reason seen", "not a valid integer"),
        ("missions show cn-xx-nowhere", "There is no mission"),
        ("missions set cn-nl-the-hague --source me", "Give one of --email, --fax, --address, --covers."),
        ("missions set cn-nl-the-hague --source me --email nonsense", "cannot be used"),
        ("missions set cn-nl-the-hague --source me --fax 12", "cannot be used"),
        ("missions set cn-xx-nowhere --source me --email a@mfa.gov.cn", "There is no mission"),
        ("missions verify cn-nl-the-hague nobody@mfa.gov.cn", "has no contact"),
        ("missions import /no/such/folder", "there is no such file or folder"),
        ("missions import .", "none of missions.csv, contacts.csv"),
        ("organizer link nobody", "nobody"),
        ("organizer disable nobody", "nobody"),
        ("organizer add eve --role emperor", "emperor"),
        ("packet --mission cn-xx-nowhere", "There is no mission"),
        ("report --campaign nothing", "nothing"),
        ("erase", "Give either --supporter ADDRESS or --due."),
        ("erase --due --supporter a@example.org", "Give either"),
        ("tone /no/such/file", "cannot be read"),
        ("import /no/such/file.csv", "cannot be read"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(line: str, words: str, desk: Desk) -> None:
    assert words in desk.refused(*line.split())


def test_the_program_starts_as_a_module_and_gives_its_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dispatcher", "--version"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("dispatcher ")
