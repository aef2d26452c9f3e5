"""Answers kept for a moment: made once for who asks the same, anew when it is over, and never one of an error."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event, Semaphore

import flask
import pytest

from dashboard.address import LANG_COOKIE
from dashboard.kept import MOMENT, SECONDS, kept_for_a_moment


class Served:
    """A view behind the keep, how often it was asked, and a clock that stands still."""

    def __init__(self) -> None:
        self.asked = count(1)
        self.now = 0.0
        self.is_broken = False
        self.came, self.entered, self.go_on = Semaphore(0), Event(), Event()
        self.go_on.set()
        self.server = flask.Flask(__name__)
        self.server.before_request(self.came.release)
        self.server.add_url_rule("/", view_func=kept_for_a_moment(self.view, clock=lambda: self.now), methods=["POST"])

    def view(self) -> flask.Response:
        number = next(self.asked)
        self.entered.set()
        self.go_on.wait(20)
        if self.is_broken:
            flask.abort(500)
        return flask.Response(f"{number} {MOMENT}", mimetype="application/json")

    def ask(self, question: str = "page", lang: str = "ko") -> list[str]:
        """What it says: the how manieth answer, and its moment."""
        reader = self.server.test_client()
        reader.set_cookie(LANG_COOKIE, lang)
        answer = reader.post("/", data=question)
        assert answer.status_code == 500 or answer.mimetype == "application/json"
        return answer.text.split()


@pytest.fixture
def served() -> Iterator[Served]:
    found = Served()
    yield found
    found.go_on.set()


def test_the_same_question_is_answered_once_and_each_answer_has_its_moment(served: Served) -> None:
    (first, moment), (second, later) = served.ask(), served.ask()
    assert first == second == "1"
    assert int(moment) < int(later)


def test_another_question_and_another_language_have_their_own(served: Served) -> None:
    assert [served.ask()[0], served.ask("other")[0], served.ask(lang="en")[0], served.ask()[0]] == ["1", "2", "3", "1"]


def test_the_moment_passes(served: Served) -> None:
    served.ask()
    served.now = SECONDS - 0.1
    assert served.ask()[0] == "1"
    served.now = SECONDS
    assert served.ask()[0] == "2"


def test_an_error_is_not_kept(served: Served) -> None:
    served.is_broken = True
    served.ask()
    served.is_broken = False
    assert served.ask()[0] == "2"


def test_who_asks_meanwhile_waits_for_the_one_answer(served: Served) -> None:
    served.go_on.clear()
    with ThreadPoolExecutor(4) as readers:
        answers = [readers.submit(served.ask) for _ in range(4)]
        assert all(served.came.acquire(timeout=20) for _ in answers)
        assert served.entered.wait(20)
        served.go_on.set()
        assert {answer.result(20)[0] for answer in answers} == {"1"}
