"""A longer past by hand: what following the portfolios of 5 sessions earned over 80 sessions, calculated afterwards.

Ours gains 1 % and loses 0.8 % in turn, SPY gains 0.1 % a session; every third session a portfolio is bought, half of it
anew. On top of test.api.market: the live series of the portfolios of 20 sessions has three sessions only.
"""

from datetime import date
from decimal import Decimal

from test.api.market import everything, performance_day
from test.published import FRIDAY, Connection, header, position
from utils.sessions import previous_session, session_offset, sessions_between

DAYS = 80
LAST = FRIDAY
FIRST = session_offset(LAST, 1 - DAYS)
EVERY = 3
GAIN, LOSS, SPY = 1.0, -0.8, 0.1


def followed(db: Connection) -> None:
    """Everything of test.api.market, and the 80 sessions."""
    everything(db)
    equity, spy = Decimal(1), Decimal(1)
    for place, day in enumerate(sessions_between(FIRST, LAST)):
        ours = GAIN if place % 2 else LOSS
        if place:
            equity *= 1 + Decimal(str(ours)) / 100
            spy *= 1 + Decimal(str(SPY)) / 100
        is_bought = place % EVERY == 0
        if is_bought:
            bought(db, previous_session(day))
        performance_day(
            db,
            day,
            (ours, SPY) if place else (None, None),
            round(equity, 10),  # type: ignore[arg-type]
            round(spy, 10),  # type: ignore[arg-type]
            strategy="5d",
            origin="simulated",
            turnover=(Decimal("0.5") if place else 1) if is_bought else 0,
            cost="0.001" if is_bought else 0,
        )


def bought(db: Connection, day: date) -> None:
    """The portfolio of a session: ACME and OMEGA."""
    db.execute("DELETE FROM analytics_portfolios WHERE strategy = '5d' AND as_of_date = %s", (day,))
    header(db, "5d", day, positions=2)
    db.execute("UPDATE analytics_portfolios SET origin = 'simulated' WHERE strategy = '5d'")
    position(db, day, 5, 1, "ACME", "0.6", 4.0, 0.1, "QQQ")
    position(db, day, 5, 2, "OMEGA", "0.4", 4.0, 0.15, "XLF")
