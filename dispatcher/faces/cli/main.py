"""The command line: each command in a module of its own, loaded when it is called."""

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from dispatcher import __version__
from dispatcher.domain.errors import DispatcherError

# Exit codes: 0 done, 1 a finding, 2 wrong use (click's own).
FINDING = 1
WRONG_USE = 2
# A pipe that was closed by its reader ("| head") is no error of ours; the shell's custom for SIGPIPE.
_PIPE_CLOSED = 141
_INTERRUPTED = 130

# command: (module, one line for the overview). The line stands here so that the overview loads no module.
COMMANDS = {
    "serve": ("serve", "Serve the form and the console, with a courier."),
    "courier": ("serve", "Only send: a courier without the web pages."),
    "migrate": ("upkeep", "Bring the database to the newest form."),
    "backup": ("upkeep", "Copy the database while everything runs."),
    "restore": ("upkeep", "Lay a backup out in a new data folder."),
    "check": ("upkeep", "List what is not right yet: settings, directory, DNS, relay."),
    "import": ("letters", "Take letters from a CSV or JSONL file."),
    "erase": ("letters", "Erase a supporter's personal data."),
    "tone": ("tone", "Read a text for respect."),
    "route": ("route", "Show which mission a letter from a place goes to, and why."),
    "rehearse": ("rehearse", "Play the whole action day; nothing leaves the machine."),
    "release": ("sending", "Give a campaign's letters their hour, or let them go now."),
    "pause": ("sending", "Stop sending to one mission, for one campaign, or altogether."),
    "resume": ("sending", "Let it go on."),
    "log": ("log", "Show the delivery log."),
    "watch": ("log", "Follow the delivery log."),
    "doubt": ("doubt", "Settle deliveries of which nobody knows whether they arrived."),
    "mail": ("mail", "Mail that comes back: bounces, answers, and what waits for a person."),
    "evidence": ("mail", "Settle what is in doubt by the mail relay's own log."),
    "audit": ("audit", "Check the promises on the database."),
    "missions": ("missions", "The directory of embassies and consulates."),
    "organizer": ("organizer", "Who may sign in to the console."),
    "packet": ("packet", "A mission's letters as one PDF, to print and hand over."),
    "report": ("log", "What became of a campaign's letters, in numbers."),
}


class _Commands(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"dispatcher.faces.cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, f"{name}_command")
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **named: Any) -> Any:
        """Errors become one sentence on stderr, never a traceback."""
        try:
            return super().main(args, *rest, **named)
        except DispatcherError as error:
            click.echo(str(error), err=True)
            sys.exit(WRONG_USE)
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(_PIPE_CLOSED)
        except Exception as fault:
            if os.environ.get("DISPATCHER_TRACEBACK"):
                raise
            click.echo(_fault_in_words(fault), err=True)
            sys.exit(WRONG_USE)


def _fault_in_words(fault: Exception) -> str:
    """The class and the place only: the text of an unforeseen error could quote what a supporter wrote."""
    places = [frame for frame in traceback.extract_tb(fault.__traceback__) if "dispatcher" in frame.filename]
    where = f" in {Path(places[-1].filename).name} line {places[-1].lineno}" if places else ""
    return (
        f"Something in dispatcher itself is wrong ({type(fault).__name__}{where}). Nothing was lost. "
        "Please report it; with DISPATCHER_TRACEBACK=1 set, the same command shows more."
    )


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="dispatcher %(version)s")
def cli() -> None:
    """Supporters' letters go in; each is checked for respect, finds its way to the right embassy or consulate,
    leaves at the right hour, and every step stands in a log.

    The default is a rehearsal: nothing leaves this machine. docs/guide/going-live.md tells how to go live.
    """
