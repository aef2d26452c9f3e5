"""What the API answers: the contract with the dashboard and every other client (contracts 6).

Numbers are JSON numbers: `_pct` and `_percent` are percent, `_weight` is a fraction, `_pp` percentage points, market
caps are USD. What could not be computed is null, never NaN. `_date` is a session in New York, `_at` an instant in UTC.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from config.sentences import Code

Ticker = Annotated[str, Field(description="The source's symbol", examples=["NVDA"])]
CompanyName = Annotated[str | None, Field(description="Company name; null when the source has none")]
Sector = Annotated[str, Field(description="Sector name, or Unknown", examples=["Technology"])]
Percent = Annotated[float, Field(description="Percent")]
Weight = Annotated[float, Field(description="Fraction of the portfolio; all weights sum to exactly 1", ge=0, le=1)]
WeightPct = Annotated[float, Field(description="The same weight in percent", ge=0, le=100)]
ReturnPct = Annotated[float, Field(description="Total return over the period, percent, in the stock's own currency")]
MarketCap = Annotated[int | None, Field(description="Whole-company market cap at as_of_date, USD")]
PeriodDays = Annotated[int, Field(description="Look-back in NYSE sessions: 5, 10 or 20")]
StrategyName = Literal["5d", "10d", "20d", "monthly"]
State = Literal["ok", "empty", "not_computed", "no_snapshot"]


class Model(BaseModel):
    """Reads the database's typed rows by attribute."""

    model_config = ConfigDict(from_attributes=True)


class Problem(BaseModel):
    """An error (RFC 9457), media type application/problem+json. Further members by kind of problem."""

    model_config = ConfigDict(extra="allow")
    type: str = Field(default="about:blank", description="Kind of problem")
    title: str = Field(description="Short name of the problem")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="One sentence that says what to do about it")


class Dated(Model):
    """Which session an answer describes, and how fresh it is."""

    as_of_date: date = Field(description="Session the answer describes")
    computed_at: datetime | None = Field(description="When it was computed (wall clock, UTC); null when it was not")
    is_current: bool = Field(description="No session after as_of_date closed more than FRESH_HOURS (default 18) ago")


class UsdKrw(Model):
    """The exchange rate that results of the date use."""

    rate: float = Field(description="Won for one US dollar", examples=[1401.2])
    rate_date: date = Field(description="Day of the rate: the newest before as_of_date")


class Pick(Model):
    """Why a stock is in: the ETF that picked it as its best candidate."""

    etf: Ticker
    holding_rank: int = Field(description="1 = the ETF's largest usable holding")
    holding_percent: float = Field(description="Percent of the ETF", examples=[7.41])
    holdings_as_of: date = Field(description="Date of the holdings snapshot")
    better_without_cap: list[str] = Field(
        description="Holdings of this ETF with a higher return that lacked a market cap and so could not be picked"
    )


class PortfolioPosition(Model):
    """One stock of the portfolio."""

    rank: int = Field(description="1 = largest weight; ties by ticker")
    ticker: Ticker
    company_name: CompanyName
    sector: Sector
    portfolio_weight: Weight
    weight_pct: WeightPct
    return_pct: ReturnPct
    market_cap: MarketCap
    market_cap_source: Literal["quote", "carried", "scaled"] = Field(
        description="quote: of that session; carried: an earlier quote moved by price; scaled: a later one"
    )
    allocation_score: float = Field(description="return_pct per USD trillion of market cap")
    source_etfs: list[str] = Field(description="ETFs that picked it, in ticker order")
    picks: list[Pick] = Field(description="The reason, as fields: one entry for each of source_etfs")
    allocation_reason: str = Field(description="The reason, in English")


class NextInLine(Model):
    """A candidate that was not picked: it is not held and has no weight."""

    ticker: Ticker
    company_name: CompanyName
    sector: str | None = Field(description="Sector name; null when unknown")
    return_pct: ReturnPct
    market_cap: MarketCap
    source_etfs: list[str] = Field(description="ETFs whose candidate it was, in ticker order")


class Excluded(Model):
    """What was left out that could have given a position."""

    ticker: str | None = Field(description="The holding; null when it concerns the ETF as a whole")
    etf: str | None = Field(description="The ETF it was looked at for")
    reason: str = Field(description="Code of the reason", examples=["no_market_cap"])


class Caution(Model):
    """What a reader must be told (rules 10), as a code with its numbers."""

    code: Literal["single_weight_above_half", "few_effective_positions", "same_company"] = Field(
        description="One weight above 50 % · effective positions below 3 · several share classes of one company"
    )
    value: float = Field(description="Largest weight in percent · effective positions · joint weight in percent")
    tickers: list[str] = Field(description="The stocks concerned")


class FixedSentence(Model):
    """What a reader of such a portfolio is always told (rules 10)."""

    code: Code = Field(description="Names the sentence, whatever its wording")
    ko: str = Field(description="Korean")
    en: str = Field(description="English")


class PortfolioAnswer(Dated):
    """A portfolio with all that a reader of it should know."""

    period_days: PeriodDays
    state: State = Field(description="ok, or why there is no position")
    reason: str | None = Field(description="The state in one English sentence; null when ok")
    status: Literal["complete", "partial", "empty"] | None = Field(
        description="complete; partial: something was left out that could have given a position; empty"
    )
    origin: Literal["live", "simulated"] | None = Field(
        description="live: published before the next session's close; simulated: calculated afterwards"
    )
    revision: int | None = Field(description="1 for what was published first")
    first_published_at: datetime | None = Field(description="When revision 1 was published (platform clock, UTC)")
    published_at: datetime | None = Field(description="When this revision was published (platform clock, UTC)")
    trending_etfs: int | None = Field(description="ETFs that rose and beat SPY in the period")
    holdings_oldest: date | None = Field(description="Oldest holdings snapshot used")
    position_count: int = Field(description="Number of positions")
    largest_weight_pct: float | None = Field(description="Largest weight, percent")
    effective_positions: float | None = Field(description="1 / Σ w²: as many equal weights would be as concentrated")
    usd_krw: UsdKrw | None = Field(description="Rate for showing market caps in won; null when none is in reach")
    warnings: list[Caution] = Field(description="To be shown above the portfolio")
    sentences: list[FixedSentence] = Field(description="To be shown beside the portfolio, always")
    positions: list[PortfolioPosition] = Field(description="In rank order")
    next_in_line: list[NextInLine] = Field(
        description="Candidates not picked, by return, up to 20 rows together with the positions; not held"
    )
    excluded: list[Excluded] = Field(description="What was left out, by name")


class Move(Model):
    """A stock's weight in the portfolio before and in this one."""

    ticker: Ticker
    company_name: CompanyName
    weight_pct_before: float = Field(description="Percent; 0 when it was not held")
    weight_pct: float = Field(description="Percent; 0 when it is no longer held")
    change_pp: float = Field(description="weight_pct − weight_pct_before, percentage points")


class PortfolioChanges(Dated):
    """What came in, went out and changed against the portfolio before."""

    strategy: StrategyName = Field(description="The portfolio's strategy")
    previous_as_of_date: date | None = Field(description="The portfolio compared with; null when there is none")
    entered: list[Move] = Field(description="Came in, largest weight first")
    left: list[Move] = Field(description="Went out, largest former weight first")
    stayed: list[Move] = Field(description="Held in both, largest change first")


class SectorWeight(Model):
    """One sector's share."""

    sector: Sector
    weight_pct: float = Field(description="Σ of the sector's weights, percent")
    positions: int = Field(description="Stocks of the sector")


class PortfolioOverlap(Model):
    """What two portfolios have in common."""

    strategy: StrategyName = Field(description="The other portfolio")
    as_of_date: date = Field(description="Its date")
    shared_count: int = Field(description="Stocks held by both")
    shared_tickers: list[str] = Field(description="Those stocks, in ticker order")
    overlap_weight_pct: float = Field(description="Σ of the smaller of both weights, percent")


class PortfolioSummary(Dated):
    """How lopsided a portfolio is, and how it stands beside the others."""

    strategy: StrategyName = Field(description="The portfolio's strategy")
    position_count: int = Field(description="Number of positions")
    largest_weight_pct: float | None = Field(description="Largest weight, percent")
    top5_weight_pct: float | None = Field(description="Σ of the five largest weights, percent")
    effective_positions: float | None = Field(description="1 / Σ w²")
    spy_return_pct: float | None = Field(description="SPY's return over the same period, percent; null for monthly")
    sectors: list[SectorWeight] = Field(description="Largest first")
    overlaps: list[PortfolioOverlap] = Field(description="With each other strategy's portfolio at that date")


class TrendingEtf(Model):
    """One ETF in all three periods. A figure is null when an end bar is missing."""

    etf_ticker: Ticker
    description: str = Field(description="What the ETF follows")
    etf_type: Literal["benchmark", "sector"] = Field(description="How it is shown")
    sector_name: str | None = Field(description="Sector it stands for; null for a benchmark")
    rank_by_return: int | None = Field(description="Rank by return of the asked period, SPY counted; ties by ticker")
    return_5d: float | None = Field(description="Total return over 5 sessions, percent")
    return_10d: float | None = Field(description="Total return over 10 sessions, percent")
    return_20d: float | None = Field(description="Total return over 20 sessions, percent")
    spy_return_5d: float | None = Field(description="SPY's return over the same two sessions, percent")
    spy_return_10d: float | None = Field(description="SPY's return over the same two sessions, percent")
    spy_return_20d: float | None = Field(description="SPY's return over the same two sessions, percent")
    outperformance_5d: float | None = Field(description="return − SPY's return, percentage points")
    outperformance_10d: float | None = Field(description="return − SPY's return, percentage points")
    outperformance_20d: float | None = Field(description="return − SPY's return, percentage points")
    is_trending_5d: bool | None = Field(description="Rose and beat SPY, strictly")
    is_trending_10d: bool | None = Field(description="Rose and beat SPY, strictly")
    is_trending_20d: bool | None = Field(description="Rose and beat SPY, strictly")
    rank_by_outperformance_5d: int | None = Field(description="1 = highest; null for SPY")
    rank_by_outperformance_10d: int | None = Field(description="1 = highest; null for SPY")
    rank_by_outperformance_20d: int | None = Field(description="1 = highest; null for SPY")
    rank_by_return_5d: int | None = Field(description="1 = highest, SPY counted")
    rank_by_return_10d: int | None = Field(description="1 = highest, SPY counted")
    rank_by_return_20d: int | None = Field(description="1 = highest, SPY counted")
    month_to_date_pct: float | None = Field(description="Return since the last session of the month before, percent")


class TrendingEtfs(Dated):
    """All ETFs of the universe against SPY."""

    period_days: PeriodDays
    month: str = Field(description="Month of month_to_date_pct", examples=["2026-11"])
    is_partial: bool = Field(description="The month is not over at as_of_date")
    etfs: list[TrendingEtf] = Field(description="By rank_by_return; those without a return last")


class Status(Model):
    """How fresh the platform's results are."""

    as_of_date: date | None = Field(description="Newest session with results; null before the first")
    expected_as_of_date: date = Field(description="Session that results should describe by now")
    sessions_behind: int | None = Field(
        description="Sessions from as_of_date to expected_as_of_date; null without results"
    )
    freshness: Literal["current", "due", "behind"] = Field(
        description="current; due: the newest session's results are not late yet; behind"
    )
    due_at: datetime | None = Field(description="When results of expected_as_of_date count as late; null when current")
    is_current: bool = Field(description="No session after as_of_date closed more than FRESH_HOURS ago")
    computed_at: datetime | None = Field(description="When the newest results were computed (wall clock, UTC)")
    next_run_at: datetime = Field(description="Next scheduled start of the daily pipeline (platform clock, UTC)")
    is_demo: bool = Field(description="The market is invented")
    market: str = Field(description="yahoo, demo or replay-<name>")
    usd_krw: float | None = Field(description="Won for one US dollar; null when no rate is in reach")
    usd_krw_date: date | None = Field(description="Day of that rate")
    version: str = Field(description="Version of the platform")


class Sessions(Model):
    """Which dates have results."""

    first: date | None = Field(description="Oldest session with results")
    newest: date | None = Field(description="Newest session with results")
    sessions: list[date] = Field(description="Sessions with a computed portfolio, oldest first")
    without_result: list[date] = Field(description="Sessions between first and expected that have none")
    rebalances: list[date] = Field(description="Rebalance dates with a monthly portfolio, oldest first")


class Health(BaseModel):
    """The process is up."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Whether requests can be answered."""

    status: Literal["ready"] = "ready"
    schema_revision: str = Field(description="Migration the database is at")
