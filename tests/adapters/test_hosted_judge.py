"""The judge elsewhere, against a server on this machine."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from dispatcher.adapters.hosted_judge import HostedJudge
from dispatcher.domain.errors import SettingsProblem
from dispatcher.services.tone import JudgeUnavailable
from dispatcher.settings import load_settings


@contextmanager
def server(answer: Callable[[dict[str, Any]], tuple[int, bytes]]) -> Iterator[tuple[str, list[str | None]]]:
    keys: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keys.append(self.headers.get("Authorization"))
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = answer(asked)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/judge", keys
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def judge(address: str, seconds: float = 2.0) -> HostedJudge:
    return HostedJudge(address=address, key="secret", seconds=seconds, review=0.5, revise=0.9)


def test_it_answers_for_each_sentence() -> None:
    def answer(asked: dict[str, Any]) -> tuple[int, bytes]:
        assert asked["language"] == "en"
        return 200, json.dumps({"probabilities": [len(each) / 100 for each in asked["sentences"]]}).encode()

    with server(answer) as (address, keys):
        assert judge(address).probabilities(["a", "abc"], "en") == [0.01, 0.03]
    assert keys == ["Bearer secret"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (302, b"{}"),
        (200, b"not json"),
        (200, b"[]"),
        (200, b'{"probabilities": []}'),
        (200, b'{"probabilities": [2]}'),
        (200, b'{"probabilities": ["x"]}'),
        (200, b"[" * 50_000),
    ],
)
def test_an_odd_answer_is_no_answer(status: int, body: bytes) -> None:
    with server(lambda _: (status, body)) as (address, _), pytest.raises(JudgeUnavailable):
        judge(address).probabilities(["a"], "en")


def test_a_late_answer_is_no_answer() -> None:
    def late(_: dict[str, Any]) -> tuple[int, bytes]:
        time.sleep(0.3)
        return 200, b"{}"

    with server(late) as (address, _), pytest.raises(JudgeUnavailable):
        judge(address, seconds=0.05).probabilities(["a"], "en")


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(JudgeUnavailable):
        judge("http://127.0.0.1:9/").probabilities(["a"], "en")


def test_an_address_that_others_could_read_along_is_refused() -> None:
    with pytest.raises(SettingsProblem, match="https"):
        load_settings({"DISPATCHER_TONE__JUDGE_URL": "http://judge.example.org/"})
