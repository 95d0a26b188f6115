"""An installation opens, in an empty folder as in one that is in use, and rehearses until it is told otherwise."""

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from dispatcher.adapters.database.types import SecretUnreadable
from dispatcher.adapters.return_path import ReturnPath
from dispatcher.adapters.smtp_process import SmtpProcess
from dispatcher.domain.delivery import DeliveryId, DeliveryState
from dispatcher.domain.errors import SettingsProblem
from dispatcher.domain.mission import Channel
from dispatcher.services.going_live import NotReady
from dispatcher.settings import Mode, Settings, load_settings
from dispatcher.wiring import (
    DataFolderUnusable,
    at_work,
    bring_up_to_date,
    make_courier,
    make_transport,
    open_house,
    ticking,
)
from dispatcher.wiring_lean import go_live_or_stop
from tests.installation import NOON, Installation, installation, shut

Install = Callable[..., Installation]


@pytest.fixture
def fresh(tmp_path: Path) -> Settings:
    return load_settings({"DISPATCHER_DATA": str(tmp_path / "new" / "data")})


def test_an_empty_folder_becomes_an_installation_for_its_owner_only(fresh: Settings) -> None:
    house = open_house(fresh)
    with house.store.read() as work:
        directory = work.directory.load()
    assert directory is not None and len(directory.missions) > 200
    assert stat.S_IMODE(fresh.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(fresh.secret_path.stat().st_mode) == 0o600
    assert not house.live and house.mailroom is not None
    shut(house)


def test_an_empty_database_becomes_an_installation_on_either_engine(
    empty_database_url: str, tmp_path: Path
) -> None:
    with installation(tmp_path / "data", empty_database_url) as home:
        home.take(country="FR")
        assert home.states() == {DeliveryState.QUEUED: 1}
        assert home.audit().ok


def test_opening_it_again_changes_nothing(home: Installation) -> None:
    (id,) = home.take()
    before = home.letter(id)
    with home.house.store.read() as work:
        version = work.directory.version()
    again = open_house(home.settings, clock=home.clock)
    with again.store.read() as work:
        assert (work.letters.get([id])[id], work.directory.version()) == (before, version)
    shut(again)
    assert not bring_up_to_date(home.settings)


def test_several_that_open_a_new_installation_at_once_share_it(fresh: Settings) -> None:
    together = Barrier(3)

    def open_one(_: int) -> bytes:
        together.wait()
        house = open_house(fresh)
        with house.store.read() as work:
            found = work.letters.person("jane@example.org")
            assert work.directory.version() == 1
        shut(house)
        return found

    with ThreadPoolExecutor(3) as crew:
        assert len(set(crew.map(open_one, range(3)))) == 1


def test_the_letters_of_one_key_are_not_read_with_another(home: Installation, tmp_path: Path) -> None:
    (id,) = home.take()
    (tmp_path / "data" / "secret.key").unlink()
    other = open_house(home.settings, clock=home.clock)
    with pytest.raises(SecretUnreadable), other.store.read() as work:
        work.letters.get([id])
    shut(other)


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderUnusable, match="DISPATCHER_DATA"):
        open_house(load_settings({"DISPATCHER_DATA": str(tmp_path / "file" / "data")}))


def test_a_rehearsal_delivers_to_the_mailroom_whatever_relay_is_configured(
    install: Install, tmp_path: Path
) -> None:
    home = install(environment={"DISPATCHER_SMTP__HOST": "relay.example.org"})
    home.take(1)
    home.take(1, first=2, country="US", region="US-NY")
    home.prepare()
    courier = make_courier(home.house, home.settings)
    home.live_through(courier, NOON.replace(hour=16))
    assert home.states() == {DeliveryState.ACCEPTED: 2}
    assert home.house.mailroom is not None
    assert {piece.channel for piece in home.house.mailroom.pieces()} == {Channel.EMAIL, Channel.FAX}
    outside = [path for path in tmp_path.rglob("*.eml") if (tmp_path / "data") not in path.parents]
    assert outside == []


def test_live_mode_has_no_mailroom_and_speaks_to_the_relay(install: Install) -> None:
    home = install(environment={"DISPATCHER_MODE": "live", "DISPATCHER_SMTP__HOST": "relay.example.org"})
    courier = make_courier(home.house, home.settings)
    assert home.house.live and home.house.mailroom is None
    assert isinstance(courier.transport, SmtpProcess) and courier.pages is None
    assert home.house.dispatch.carriers == {Channel.EMAIL}


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_live_mode_does_not_start_while_a_finding_is_open(home: Installation) -> None:
    with pytest.raises(NotReady, match="dispatcher check --live"):
        go_live_or_stop(home.settings.model_copy(update={"mode": Mode.LIVE}))


def test_a_rehearsal_starts_without_any_check(home: Installation) -> None:
    go_live_or_stop(home.settings)


def test_letters_in_clear_go_to_this_machine_only() -> None:
    clear = {"DISPATCHER_SMTP__SECURITY": "none", "DISPATCHER_SMTP__HOST": "relay.example.org"}
    with pytest.raises(SettingsProblem, match="this machine only"):
        make_transport(load_settings(clear))
    make_transport(load_settings(clear | {"DISPATCHER_SMTP__HOST": "127.0.0.1"}))


def test_an_envelope_sender_names_its_delivery_and_cannot_be_made_up(home: Installation) -> None:
    path = ReturnPath(home.house.store.links)
    one, two = (path.envelope(DeliveryId(number), "x.example")[0] for number in (1, 2))
    assert one != two and one.startswith("bounce+") and one.endswith("@x.example")
    assert len(one.partition("@")[0]) <= 64  # RFC 5321 4.5.3.1.1
    assert one == path.envelope(DeliveryId(1), "x.example")[0]


def test_a_courier_at_work_is_known_and_takes_up_what_a_dead_one_left(home: Installation) -> None:
    home.take()
    home.prepare()
    home.clock.move_to(NOON)
    dead, alive = home.courier(), home.courier()
    assert dead.claiming.claim(10, notices=False) is not None
    folder = home.settings.data / "couriers"
    folder.mkdir(exist_ok=True)
    (folder / f"{dead.id}.lock").touch()
    with at_work(alive, home.settings):
        assert [path.stem for path in folder.iterdir()] == [alive.id]
        # Nothing of it had gone out: its journal says so.
        assert home.states() == {DeliveryState.QUEUED: 1}
    assert list(folder.iterdir()) == []
    assert home.audit().ok


def test_letters_held_for_want_of_a_carrier_go_once_there_is_one(install: Install) -> None:
    live = install(environment={"DISPATCHER_MODE": "live"})
    (id,) = live.take(country="US", region="US-NY")
    assert live.delivery(id).reason == "no_carrier"
    rehearsal = install()
    courier = rehearsal.courier()
    with at_work(courier, rehearsal.settings):
        assert rehearsal.delivery(id).state is DeliveryState.QUEUED
    assert rehearsal.audit().ok


def test_the_clock_ticks_inside_its_block(home: Installation) -> None:
    import time

    (id,) = home.take()
    with ticking(home.house):
        for _ in range(200):
            if home.delivery(id).rendering is not None:
                break
            time.sleep(0.05)
    assert home.delivery(id).rendering is not None
