"""Answers kept for a moment: a page takes some 40 ms of a processor, and in the morning everybody opens the same.

Who asks what another has just asked gets his answer; who asks meanwhile waits for it. Two seconds are short enough that
neither a new evening nor the API's absence is hidden.
"""

import time
from collections.abc import Callable
from threading import Condition

import flask
from cachetools import TTLCache, cached

from dashboard.address import LANG_COOKIE

View = Callable[[], flask.Response]
SECONDS = 2.0
MOST = 64  # a page is some 170 KB
# Stands in a kept answer for what differs each time it is given.
MOMENT = "@moment@"


def kept_for_a_moment(view: View, *, clock: Callable[[], float] = time.monotonic) -> View:
    """The view, whose answer follows from the request's body and the reader's language, asked once for all."""

    def question() -> tuple[bytes, str | None]:
        return flask.request.get_data(), flask.request.cookies.get(LANG_COOKIE)

    @cached(TTLCache(MOST, SECONDS, timer=clock), key=question, condition=Condition())
    def made() -> tuple[int, str | None, bytes]:
        response = view()
        return response.status_code, response.mimetype, response.get_data()

    def given() -> flask.Response:
        status, mimetype, body = made()
        return flask.Response(body.replace(MOMENT.encode(), str(time.time_ns()).encode()), status, mimetype=mimetype)

    return given
