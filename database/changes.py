"""Whether rows that a batch program read have changed since: by `changed_at`, which a pure restatement of adjusted
closes doesn't move (contracts 5.1, rules 4).

A program's question is a WITH clause that names what it read, and those of the conditions below that concern it.
They speak of `listed` (holding_ticker, changed_at: lines of the lists it read), `looked_at` (ticker: the stocks whose
bars and caps it read) and of the parameters of `parameters`.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, LiteralString

from config.universe import CARRIED_CAP_REACH_DAYS, FX_REACH_DAYS, SNAPSHOT_REACH_DAYS
from database.connection import Connection

LISTS: LiteralString = "EXISTS (SELECT FROM listed WHERE changed_at > %(since)s)"
PROFILES: LiteralString = """EXISTS (SELECT FROM collected_00_meta_stock WHERE changed_at > %(since)s
    AND ticker IN (SELECT holding_ticker FROM listed))"""
BARS: LiteralString = """EXISTS (SELECT FROM collected_06_daily_stock_history JOIN looked_at USING (ticker)
    WHERE trade_date BETWEEN %(first)s AND %(day)s AND changed_at > %(since)s)"""
# Of later caps only one that may serve is read: the nearest.
CAPS: LiteralString = """EXISTS (
    WITH quotes AS (SELECT ticker, session_date, changed_at FROM collected_00_market_cap
                    JOIN looked_at USING (ticker) WHERE session_date >= %(day)s - %(cap_reach)s)
    SELECT FROM quotes q WHERE changed_at > %(since)s
    AND (session_date <= %(day)s
         OR session_date = (SELECT min(o.session_date) FROM quotes o WHERE o.ticker = q.ticker)))"""
RATES: LiteralString = """EXISTS (SELECT FROM collected_00_fx_rate WHERE changed_at > %(since)s
    AND rate_date >= %(day)s - %(rate_reach)s AND rate_date < %(day)s)"""


def parameters(as_of_date: date, first_bar: date, since: datetime) -> dict[str, Any]:
    """What the conditions are asked with: D, the oldest bar that was read for it, and when the program last ran."""
    return {
        "day": as_of_date,
        "first": first_bar,
        "since": since,
        "list_reach": SNAPSHOT_REACH_DAYS,
        "cap_reach": CARRIED_CAP_REACH_DAYS,
        "rate_reach": FX_REACH_DAYS,
    }


def found(connection: Connection, read: LiteralString, *conditions: LiteralString, asked: Mapping[str, Any]) -> bool:
    """Whether one of the conditions holds. `read`: the WITH clause; `asked`: `parameters`, or those of its own."""
    row = connection.execute(f"{read} SELECT {' OR '.join(conditions)}", asked).fetchone()
    return bool(row and row[0])
