"""`dispatcher tone`."""

import importlib
import json
from typing import Any

import click

from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.language import guess_language
from dispatcher.domain.tone import Assessment, Verdict
from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.main import FINDING
from dispatcher.faces.cli.text_input import json_rows, open_text
from dispatcher.services.review import Tone


class LineUnreadable(DispatcherError):
    """{file} line {line} is not a JSON object with a key "text". Mend it and try again."""


@click.command("tone")
@click.argument("file", default="-")
@click.option(
    "--lang", help="The text's language (en, ko, ja, zh, es, pt, de, nl, fr); found out when not given."
)
@click.option("--json", "as_json", is_flag=True)
@click.option(
    "--jsonl", is_flag=True, help="Each line of FILE is {id, lang, text}; answers {id, verdict, findings}."
)
@click.pass_obj
def read_command(entrance: Entrance, file: str, lang: str | None, as_json: bool, jsonl: bool) -> None:
    """Read a text (FILE, or - for standard input) for respect: pass, revise or review, with the sentences.

    `dispatcher tone eval` measures the check on letters whose reading is known, `dispatcher tone train` rebuilds its
    learned layer; a file of such a name is read as ./eval.
    """
    tone = entrance.tone(entrance.settings())
    if jsonl:
        _lines(tone, file, lang)
        return
    with open_text(file) as stream:
        text = stream.read()
    found = tone.assess(text, language=lang or guess_language(text))
    if as_json:
        click.echo(json.dumps(_document(found), ensure_ascii=False))
    else:
        click.echo(_VERDICTS[found.verdict])
        for each in found.findings:
            click.echo(
                f"\n  \u201c{each.sentence.strip()}\u201d\n  {each.reason}\n  {each.advice}  [{each.rule}]"
            )
    if found.verdict is not Verdict.PASS:
        raise SystemExit(FINDING)


class _ReadsUnlessTold(click.Group):
    """`tone FILE` reads; `tone eval` and `tone train` are commands of their own."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in _WORKSHOP:
            workshop = importlib.import_module("dispatcher.faces.cli.tone_eval")
            command: click.Command = getattr(workshop, f"{name}_command")
            return command
        return read_command if name == _READ else None

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(context, args)
        return ("" if name == _READ else name), command, rest  # the help shall say "dispatcher tone"

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(context, args if args[:1] and args[0] in _WORKSHOP else [_READ, *args])


_READ = "read"
_WORKSHOP = ("eval", "train")


@click.command("tone", cls=_ReadsUnlessTold, add_help_option=False)
def tone_command() -> None:
    """See read_command."""


_VERDICTS = {
    Verdict.PASS: "pass: reads respectfully.",
    Verdict.REVISE: "revise: please look at these words again.",
    Verdict.REVIEW: "review: a person will read this letter.",
}


def _lines(tone: Tone, file: str, lang: str | None) -> None:
    for number, row in json_rows(file):
        text = row.get("text")
        if not isinstance(text, str):
            raise LineUnreadable(file=file, line=number)
        found = tone.assess(text, language=lang or str(row.get("lang") or guess_language(text)))
        click.echo(json.dumps({"id": row.get("id"), **_document(found)}, ensure_ascii=False))


def _document(found: Assessment) -> dict[str, Any]:
    return {
        "verdict": found.verdict.value,
        "language": found.language,
        "findings": [
            {
                "sentence": each.sentence,
                "rule": each.rule,
                "category": each.category.value,
                "severity": each.severity.value,
                "start": each.start,
                "end": each.end,
                "reason": each.reason,
                "advice": each.advice,
            }
            for each in found.findings
        ],
        "hints": [{"id": each.id, "text": each.text} for each in found.hints],
    }
