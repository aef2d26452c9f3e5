"""Parameters of the routes: what each means and accepts. Those about portfolios are in api.dependencies."""

from datetime import date
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, StringConstraints

from api.dependencies import IsoDate, Period
from api.problems import ProblemError
from api.schemas.choices import EtfType, ItemStatus, RunStatus, Severity, Strategy
from config.universe import COST_BPS, ETFS, SECTOR_NAMES

ETF_TICKERS = tuple(sorted(etf.ticker for etf in ETFS))
OLDEST_YEAR, NEWEST_YEAR = 2000, 2200
TICKER_PATTERN = r"^[A-Za-z0-9.&=^_-]{1,32}$"


def _sector(name: str) -> str:
    if name not in SECTOR_NAMES:
        raise ValueError(f"expected one of {', '.join(SECTOR_NAMES)}")
    return name


_Upper = StringConstraints(pattern=TICKER_PATTERN, to_upper=True)
Symbol = Annotated[str, Path(description="The stock's ticker, as the source writes it", examples=["NVDA"]), _Upper]
EtfTicker = Annotated[str, Path(description="One of the universe's ETFs", examples=["QQQ"]), _Upper]
HoldingTicker = Annotated[str, Path(description="The stock's ticker", examples=["NVDA"]), _Upper]
EtfQuery = Annotated[str, Query(description="One of the universe's ETFs", examples=["QQQ"]), _Upper]
StrategyPath = Annotated[Strategy, Path(description="Which portfolios: of 5, 10 or 20 sessions, or monthly")]

SectorQuery = Annotated[
    str | None,
    Query(description="Only this sector", json_schema_extra={"enum": [*SECTOR_NAMES, None]}),
    AfterValidator(lambda name: None if name is None else _sector(name)),
]
TickerQuery = Annotated[Annotated[str, _Upper] | None, Query(description="Only this instrument", examples=["NVDA"])]
RunStatusQuery = Annotated[RunStatus | None, Query(description="Only runs with this status")]
ItemStatusQuery = Annotated[ItemStatus | None, Query(description="Only items with this status")]
SeverityQuery = Annotated[Severity | None, Query(description="Only findings of this severity")]
_Name = StringConstraints(pattern=r"^[^\x00]{1,200}$")
Process = Annotated[
    Annotated[str, _Name] | None, Query(description="Only runs of this stage or scope", examples=["trending_etfs"])
]
CheckName = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[a-z0-9 ]{1,100}$")] | None,
    Query(description="Only findings of this check", examples=["missing session"]),
]
RunId = Annotated[str, Path(description="run_id of /pipeline/runs"), _Name]
EtfTypeQuery = Annotated[EtfType | None, Query(description="Only these ETFs, as shown")]
AnyPeriod = Annotated[Period | None, Query(description="Look-back in sessions; without it, all three")]

Limit = Annotated[int, Query(description="Rows at most", ge=1, le=1000)]
FewLimit = Annotated[
    int, Query(description="Rows at most, of each ETF or sector where the answer has several", ge=1, le=100)
]
Cursor = Annotated[
    str | None, Query(description="next_cursor of the part before; without it, the list's start", max_length=512)
]

StartDate = Annotated[IsoDate | None, Query(description="First day, ISO 8601; without it, the oldest there is")]
EndDate = Annotated[IsoDate | None, Query(description="Last day, ISO 8601; without it, the newest there is")]
RebalanceDate = Annotated[IsoDate | None, Query(description="Rebalance to describe, ISO 8601; without it, the newest")]
Days = Annotated[int, Query(description="Sessions up to as_of_date", ge=2, le=1300)]
Months = Annotated[int, Query(description="Months up to the newest", ge=1, le=120)]
Year = Annotated[int | None, Query(description="With month; without both, the newest", ge=OLDEST_YEAR, le=NEWEST_YEAR)]
Month = Annotated[int | None, Query(description="1–12, with year", ge=1, le=12)]
CostBps = Annotated[
    float,
    Query(
        description=f"Cost each way, basis points of what is bought and sold; {COST_BPS} is what is published",
        ge=0,
        le=100,
        allow_inf_nan=False,
    ),
]


def in_order(start_date: date | None, end_date: date | None) -> None:
    """Raises ProblemError 422 when a range ends before it starts."""
    if start_date is not None and end_date is not None and start_date > end_date:
        raise ProblemError(422, f"start_date: expected a day at or before end_date {end_date}, found {start_date}")


def known_etf(ticker: str) -> str:
    """The ETF. Raises ProblemError 404 naming those there are."""
    if ticker not in ETF_TICKERS:
        raise ProblemError(404, f"There is no ETF {ticker} here; there are {', '.join(ETF_TICKERS)}")
    return ticker
