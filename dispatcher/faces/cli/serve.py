"""`dispatcher serve`, `dispatcher courier`."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing, suppress

import click

from dispatcher.domain.errors import DispatcherError
from dispatcher.faces.cli.entrance import Entrance
from dispatcher.services.courier import Courier
from dispatcher.services.house import House
from dispatcher.services.organizers import Role
from dispatcher.services.sign_in import LINK_LIFE
from dispatcher.settings import Settings

_FIRST_ORGANIZER = "first-organizer"
# How long what is on the wire is waited for at the end; systemd kills after 90 seconds.
_DRAIN_SECONDS = 10


class CannotListen(DispatcherError):
    """The address {host}:{port} cannot be listened on: {problem}. Name another one with DISPATCHER_WEB__PORT (and
    DISPATCHER_WEB__HOST)."""


@click.command("serve")
@click.option("--no-courier", is_flag=True, help="Only the pages; couriers run elsewhere.")
@click.pass_obj
def serve_command(entrance: Entrance, no_courier: bool) -> None:
    """Serve the form and the console, with a courier and the clock."""
    settings = entrance.settings()
    entrance.go_live_or_stop(settings)
    house = entrance.lean_house(settings)
    courier = None if no_courier else entrance.courier(house, settings)
    import uvicorn  # noqa: PLC0415

    from dispatcher.faces.web.site import site  # noqa: PLC0415

    server: uvicorn.Server
    work: asyncio.Task[None] | None = None

    def leave(_: object) -> None:
        server.should_exit = True

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        nonlocal work
        with ExitStack() as stack:
            stack.enter_context(entrance.ticking(house))
            if courier is not None:
                stack.enter_context(entrance.at_work(courier, settings))
                work = asyncio.create_task(courier.run())
                work.add_done_callback(leave)
            try:
                yield
            finally:
                if courier is not None and work is not None:
                    courier.stop()
                    await asyncio.wait({work}, timeout=_DRAIN_SECONDS)

    config = uvicorn.Config(
        site(house, lifespan=lifespan, metrics_token=settings.web.metrics_token.get_secret_value()),
        host=settings.web.host,
        port=settings.web.port,
        access_log=False,  # addresses of supporters have no place in a log
        log_level="warning",
        server_header=False,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    with closing(_listen(settings.web.host, settings.web.port)) as listener:
        _greet(house, settings, listener.getsockname()[1])
        # uvicorn raises it after a Ctrl-C, when everything has ended in good order.
        with suppress(KeyboardInterrupt):
            entrance.run(server.serve(sockets=[listener]))
    if work is not None and work.done():
        work.result()  # a fault of the courier ends the service, and is told


def _listen(host: str, port: int) -> socket.socket:
    """Taken before the greeting tells the address. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        # Python 3.11 adds the address to the system's words; it is told already.
        problem = (error.strerror or "it cannot be opened").partition(" (while")[0].lower()
        raise CannotListen(host=host, port=port, problem=problem) from None


@click.command("courier")
@click.pass_obj
def courier_command(entrance: Entrance) -> None:
    """Only send. Several couriers may run, on several machines where the database is PostgreSQL."""
    settings = entrance.settings()
    entrance.go_live_or_stop(settings)
    house = entrance.lean_house(settings)
    courier = entrance.courier(house, settings)
    with entrance.ticking(house), entrance.at_work(courier, settings):
        greeting = f"Courier {courier.id[:8]} is at work ({_mode(house)}). Stop it with Ctrl-C."
        entrance.run(_until_stopped(courier, greeting))


async def _until_stopped(courier: Courier, greeting: str) -> None:
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, courier.stop)
    click.echo(greeting, err=True)
    await courier.run()


def _greet(house: House, settings: Settings, port: int) -> None:
    address = f"http://{settings.web.host}:{port}"
    click.echo(f"\nMode: {_mode(house)}.")
    click.echo(f"Form:     {address}/")
    if not house.sign_in.all():
        house.sign_in.add(_FIRST_ORGANIZER, Role.ADMIN)
    link = house.sign_in.link(house.sign_in.all()[0].name)
    hours = int(LINK_LIFE.total_seconds() // 3600)
    click.echo(f"Console:  {address}/console/enter/{link}   (works once, for {hours} hour)")
    if house.mailroom is not None:
        click.echo(f"Mailroom: {address}/console/mailroom   (sign in first)")
    click.echo("Stop with Ctrl-C.\n")


def _mode(house: House) -> str:
    return "LIVE: letters leave this machine" if house.live else "rehearsal: nothing leaves this machine"
