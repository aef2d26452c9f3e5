"""Answers of the source, kept for a day, so that a backfill that is run again asks for nothing twice.

One JSON file an answer, a line a bar, under test/.cache/<market>/: invented prices never meet real ones. Only an answer
with a bar of every session it was asked for is kept; one that lacks any is asked for again.
"""

import json
import math
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from collector.answers import History
from collector.bars import begins
from collector.yahoo import Yahoo
from config.settings import YahooSettings
from config.universe import exchange_calendar
from database.connection import Connection
from utils.clock import wall_now
from utils.program import UsageError
from utils.sessions import sessions_between

FORMAT = 3
KEPT_FOR = timedelta(hours=24)


class CachedYahoo(Yahoo):
    """Yahoo, asked for bars only when no kept answer serves. `asked`: how often it had to be.

    folder: of one market; None keeps nothing.
    """

    def __init__(self, settings: YahooSettings, connection: Connection, folder: Path | None) -> None:
        super().__init__(settings, connection)
        self._folder = folder
        self.asked = 0

    def history(self, ticker: str, start: date, end: date, *, timezone: str) -> History:
        """As the source's own. Raises UsageError for a file that is not one of ours, OSError when none can be kept."""
        file = None if self._folder is None else self._folder / f"{ticker}_{start}_{end}.json"
        if file is not None and (kept := read(file, now=wall_now())) is not None:
            return kept
        self.asked += 1
        answer = super().history(ticker, start, end, timezone=timezone)
        if file is not None and is_whole(answer, start, end):
            write(file, answer)
        return answer


def is_whole(answer: History, start: date, end: date) -> bool:
    """Whether an answer has a bar of every session from start to end, or from the first that the source has at all."""
    closes = answer.frame[["Close", "Adj Close"]].itertuples()
    days = [day for day, *prices in closes if all(map(math.isfinite, prices))]
    calendar = exchange_calendar(answer.exchange)
    if days and begins(answer, days[0], calendar):
        start = max(start, days[0])
    return set(sessions_between(start, end, calendar)) <= set(days)


def read(file: Path, *, now: datetime) -> History | None:
    """A kept answer; None when there is none, or an old one. Raises UsageError when the file can't be read."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        written = kept.get("format")
        if written != FORMAT:
            raise ValueError(f"expected format {FORMAT}, found {written}")
        answer = _history(kept)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{file}: not a cache of this version ({reason}): remove the folder, or say --no-cache"
        ) from error
    return answer if now - answer.fetched_at < KEPT_FOR else None


def write(file: Path, answer: History) -> None:
    """Keep an answer: the whole file or nothing, what is no finite number as null. Raises OSError."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "currency": answer.currency,
        "exchange": answer.exchange,
        "first_trade": answer.first_trade and answer.first_trade.isoformat(),
        "session_open": answer.session_open and answer.session_open.isoformat(),
        "session_open_until": answer.session_open_until and answer.session_open_until.isoformat(),
        "fetched_at": answer.fetched_at.isoformat(),
        "columns": list(answer.frame.columns),
    }
    numbers = answer.frame.astype(object).where(np.isfinite(answer.frame), None)
    rows = [[day.isoformat(), *row] for day, row in zip(numbers.index, numbers.values.tolist(), strict=True)]
    lines = ",\n".join(json.dumps(row, allow_nan=False) for row in rows)
    text = f'{json.dumps(head, indent=1)[:-2]},\n "rows": [\n{lines}\n]}}\n'
    file.parent.mkdir(parents=True, exist_ok=True)
    # A name of this process: two programs may keep the same answer at once.
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def remove_old(folder: Path, *, now: datetime) -> None:
    """Remove what no program would use any more."""
    for file in folder.glob("*.json*"):
        if now - datetime.fromtimestamp(file.stat().st_mtime, UTC) >= KEPT_FOR:
            file.unlink(missing_ok=True)


def _history(kept: dict[str, Any]) -> History:
    days = [date.fromisoformat(row[0]) for row in kept["rows"]]
    frame = pd.DataFrame([row[1:] for row in kept["rows"]], columns=kept["columns"], index=pd.Index(days, name="Date"))
    first, opened, until = kept["first_trade"], kept["session_open"], kept["session_open_until"]
    return History(
        frame,
        currency=kept["currency"],
        exchange=kept["exchange"],
        first_trade=date.fromisoformat(first) if first else None,
        session_open=date.fromisoformat(opened) if opened else None,
        session_open_until=datetime.fromisoformat(until) if until else None,
        fetched_at=datetime.fromisoformat(kept["fetched_at"]),
    )
