"""`dispatcher tone eval` and `dispatcher tone train`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.tone import Verdict
from dispatcher.faces.cli.entrance import Entrance
from dispatcher.faces.cli.progress import progress
from dispatcher.faces.cli.text_input import json_rows
from dispatcher.services.tone_evaluation import Evaluation, KnownLetter, RuleCost, Tally, evaluate


class KnownLetterUnreadable(DispatcherError):
    """{file} line {line} is not a JSON object with "text", "lang" and "label" (1 disrespectful, 0 civil). Mend it and
    try again."""


@click.command("eval")
@click.argument("file", default="-")
@click.option("--json", "as_json", is_flag=True)
@click.option("--wrong", is_flag=True, help="List the ids of the letters that were read wrongly, too.")
@click.pass_obj
def eval_command(entrance: Entrance, file: str, as_json: bool, wrong: bool) -> None:
    """Measure the check on letters whose reading is known.

    Each line of FILE is {id, lang, text, label, category}; label 1 is disrespectful. Prints precision, recall and
    confusion by language and category, and what each rule cost.
    """
    letters = list(_letters(file))
    reader = entrance.tone(entrance.settings())
    with progress("Reading", unit="letters", total=len(letters)) as bar:

        def shown() -> Iterator[KnownLetter]:
            for letter in letters:
                yield letter
                bar.advance()

        found = evaluate(shown(), reader)
    if as_json:
        click.echo(json.dumps(_document(found, wrong=wrong), ensure_ascii=False))
    else:
        click.echo("\n".join(_report(found, wrong=wrong)))


@click.command("train")
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of public data sets (*.jsonl of {text, label, note}); without it, own sentences only.",
)  # fmt: skip
@click.option(
    "--corpus", type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The project's own sentences (train/ and dev/); config/tone/corpus if not given.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False),
    help="Where the weights go; config/tone/model if not given.",
)  # fmt: skip
@click.pass_obj
def train_command(entrance: Entrance, data: Path | None, corpus: Path | None, out: Path | None) -> None:
    """Rebuild the learned layer from its sentences. The same data give the same bytes."""
    tone = entrance.settings().tone_folder
    with progress("Reading the sentences", unit="steps") as bar:
        trained = entrance.trainer().train(
            corpus=corpus or tone / "corpus", borrowed=data, folder=out or tone / "model", tell=bar.show
        )
    count = sum(trained.sentences.values())
    languages = ", ".join(f"{language} {number}" for language, number in trained.sentences.items())
    click.echo(f"Learned from {count} own sentences ({languages}) and {trained.borrowed} borrowed ones.")
    for file, digest in trained.digests.items():
        click.echo(f"{digest}  {file}")


def _letters(file: str) -> Iterator[KnownLetter]:
    for number, row in json_rows(file):
        text, language, label = row.get("text"), row.get("lang"), row.get("label")
        if not isinstance(text, str) or not isinstance(language, str) or label not in (0, 1):
            raise KnownLetterUnreadable(file=file, line=number)
        yield KnownLetter(
            id=str(row.get("id", number)),
            language=language,
            text=text,
            disrespectful=label == 1,
            category=str(row.get("category") or "none"),
        )


def _report(found: Evaluation, *, wrong: bool) -> Iterator[str]:
    yield f"{found.letters} letters. Caught: disrespectful, and not passed. Handed back and review: civil ones."
    yield ""
    yield from _table("language", {**dict(sorted(found.languages.items())), "all": found.whole})
    yield ""
    yield from _table("category", dict(sorted(found.categories.items())))
    yield ""
    yield f"{'rule':32} {'civil stopped':>14} {'by it alone':>12} {'caught':>8} {'by it alone':>12}"
    for rule, cost in _dearest_first(found.rules):
        yield (f"{rule:32} {cost.stopped:14} {cost.alone_stopped:12} {cost.caught:8} {cost.alone_caught:12}")
    if wrong and found.wrong:
        yield ""
        for letter, verdict in found.wrong:
            kind = "disrespectful" if letter.disrespectful else "civil"
            yield f"{letter.id}  {letter.language}  {kind}, {letter.category}: {verdict.value}"


def _table(name: str, rows: Mapping[str, Tally]) -> Iterator[str]:
    yield (
        f"{name:18} {'disrespectful':>13} {'caught':>7} {'precision':>9} {'F1':>5}   "
        f"{'pass/review/revise':>18}   {'civil':>5} {'handed back':>11} {'review':>7}   {'pass/review/revise':>18}"
    )
    for key, tally in rows.items():
        yield (
            f"{key:18} {tally.disrespectful.total():13} {_percent(tally.recall):>7} {_percent(tally.precision):>9} "
            f"{_hundredths(tally.f1):>5}   {_three(tally.disrespectful):>18}   {tally.civil.total():5} "
            f"{_percent(tally.handed_back):>11} {_percent(tally.sent_to_review):>7}   {_three(tally.civil):>18}"
        )


def _three(row: Mapping[Verdict, int]) -> str:
    return "/".join(str(row[verdict]) for verdict in (Verdict.PASS, Verdict.REVIEW, Verdict.REVISE))


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _hundredths(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"


def _dearest_first(rules: Mapping[str, RuleCost]) -> Iterable[tuple[str, RuleCost]]:
    return sorted(rules.items(), key=lambda pair: (-pair[1].stopped, -pair[1].caught, pair[0]))


def _document(found: Evaluation, *, wrong: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "letters": found.letters,
        "all": _figures(found.whole),
        "languages": {key: _figures(tally) for key, tally in sorted(found.languages.items())},
        "categories": {key: _figures(tally) for key, tally in sorted(found.categories.items())},
        "rules": {
            rule: {
                "civil_stopped": cost.stopped,
                "civil_stopped_alone": cost.alone_stopped,
                "caught": cost.caught,
                "caught_alone": cost.alone_caught,
            }
            for rule, cost in _dearest_first(found.rules)
        },
    }
    if wrong:
        document["wrong"] = [
            {"id": letter.id, "lang": letter.language, "category": letter.category, "verdict": verdict.value}
            for letter, verdict in found.wrong
        ]
    return document


def _figures(tally: Tally) -> dict[str, Any]:
    return {
        "precision": tally.precision,
        "recall": tally.recall,
        "f1": tally.f1,
        "civil_handed_back": tally.handed_back,
        "civil_sent_to_review": tally.sent_to_review,
        "confusion": {
            "civil": {verdict.value: tally.civil[verdict] for verdict in Verdict},
            "disrespectful": {verdict.value: tally.disrespectful[verdict] for verdict in Verdict},
        },
    }
