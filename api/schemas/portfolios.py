"""Portfolios and what stands beside them."""

from datetime import date, datetime

from pydantic import Field

from api.schemas.choices import (
    CautionCode,
    MarketCapSource,
    Origin,
    PortfolioState,
    PortfolioStatus,
    SentenceCode,
    Strategy,
)
from api.schemas.model import (
    CompanyName,
    Dated,
    MarketCap,
    Model,
    PeriodDays,
    ReturnPct,
    Sector,
    Ticker,
    Weight,
    WeightPct,
)


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
    market_cap_source: MarketCapSource = Field(
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

    code: CautionCode = Field(
        description="One weight above 50 % · effective positions below 3 · several share classes of one company"
    )
    value: float = Field(description="Largest weight in percent · effective positions · joint weight in percent")
    tickers: list[str] = Field(description="The stocks concerned")


class FixedSentence(Model):
    """What a reader of such a portfolio is always told (rules 10)."""

    code: SentenceCode = Field(description="Names the sentence, whatever its wording")
    ko: str = Field(description="Korean")
    en: str = Field(description="English")


class PortfolioAnswer(Dated):
    """A portfolio with all that a reader of it should know."""

    period_days: PeriodDays
    state: PortfolioState = Field(description="ok, or why there is no position")
    reason: str | None = Field(description="The state in one English sentence; null when ok")
    status: PortfolioStatus | None = Field(
        description="complete; partial: something was left out that could have given a position; empty"
    )
    origin: Origin | None = Field(
        description="live: published before the next session's close; simulated: calculated afterwards"
    )
    revision: int | None = Field(description="1 for what was published first")
    first_published_at: datetime | None = Field(description="When revision 1 was published (platform clock, UTC)")
    published_at: datetime | None = Field(description="When this revision was published (platform clock, UTC)")
    trending_etfs: int | None = Field(description="ETFs that rose and beat SPY in the period")
    holdings_oldest: date | None = Field(description="Oldest holdings snapshot used")
    position_count: int = Field(description="Number of positions")
    largest_weight_pct: float | None = Field(description="Largest weight, percent; null without a position")
    effective_positions: float | None = Field(
        description="1 / Σ w²: as many equal weights would be as concentrated; null without a position"
    )
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

    strategy: Strategy = Field(description="The portfolio's strategy")
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

    strategy: Strategy = Field(description="The other portfolio")
    as_of_date: date = Field(description="Its date")
    shared_count: int = Field(description="Stocks held by both")
    shared_tickers: list[str] = Field(description="Those stocks, in ticker order")
    overlap_weight_pct: float = Field(description="Σ of the smaller of both weights, percent")


class PortfolioSummary(Dated):
    """How lopsided a portfolio is, and how it stands beside the others."""

    strategy: Strategy = Field(description="The portfolio's strategy")
    position_count: int = Field(description="Number of positions")
    largest_weight_pct: float | None = Field(description="Largest weight, percent")
    top5_weight_pct: float | None = Field(description="Σ of the five largest weights, percent")
    effective_positions: float | None = Field(description="1 / Σ w²")
    spy_return_pct: float | None = Field(description="SPY's return over the same period, percent; null for monthly")
    sectors: list[SectorWeight] = Field(description="Largest first")
    overlaps: list[PortfolioOverlap] = Field(description="With each other strategy's portfolio at that date")


class MonthlyPosition(Model):
    """One stock of a monthly portfolio."""

    rank: int = Field(description="From 1 for stocks of the 20-session portfolio, from 20 or later for new ones")
    ticker: Ticker
    company_name: CompanyName
    sector: Sector
    portfolio_weight: Weight
    weight_pct: WeightPct
    score: float = Field(description="By the periods that hold it (rules 5): 0.3 to 3.0")
    source_periods: list[str] = Field(description="Portfolios that hold it, longest first", examples=[["20d", "5d"]])
    is_new: bool = Field(description="Not in the 20-session portfolio")
    return_20d: float | None = Field(description="20-session return, percent, own currency; null when it has none")
    market_cap: MarketCap
    allocation_reason: str = Field(description="The reason, in English")


class MonthlyPortfolio(Dated):
    """A monthly portfolio with all that a reader of it should know. as_of_date is its rebalance_date."""

    rebalance_date: date = Field(description="Last Sunday of its month")
    valid_until: date = Field(description="20th session after rebalance_date")
    is_expired: bool = Field(description="valid_until is past and no later portfolio has come: still held")
    sessions_left: int = Field(description="Sessions after the newest closed one up to valid_until", ge=0)
    superseded_by: date | None = Field(description="The rebalance after it; null when it is the newest")
    input_as_of_date: date | None = Field(description="Session whose three portfolios were merged")
    state: PortfolioState = Field(description="ok, or why there is no position")
    reason: str | None = Field(description="The state in one English sentence; null when ok")
    status: PortfolioStatus = Field(
        description="complete; partial: something was left out that could have given a position; empty"
    )
    origin: Origin = Field(
        description="live: published before the next session's close; simulated: calculated afterwards"
    )
    revision: int = Field(description="1 for what was published first")
    first_published_at: datetime = Field(description="When revision 1 was published (platform clock, UTC)")
    published_at: datetime = Field(description="When this revision was published (platform clock, UTC)")
    holdings_oldest: date | None = Field(description="Oldest holdings snapshot used; null without any")
    position_count: int = Field(description="Number of positions")
    largest_weight_pct: float | None = Field(description="Largest weight, percent; null without a position")
    effective_positions: float | None = Field(
        description="1 / Σ w²: as many equal weights would be as concentrated; null without a position"
    )
    usd_krw: UsdKrw | None = Field(description="Rate for showing market caps in won; null when none is in reach")
    warnings: list[Caution] = Field(description="To be shown above the portfolio")
    sentences: list[FixedSentence] = Field(description="To be shown beside the portfolio, always")
    positions: list[MonthlyPosition] = Field(description="In rank order")
    excluded: list[Excluded] = Field(description="What was left out of the merged portfolios, by name")


class Allocation(Model):
    """One position of one period."""

    period_days: PeriodDays
    rank: int = Field(description="1 = largest weight; ties by ticker")
    ticker: Ticker
    company_name: CompanyName
    sector: Sector
    portfolio_weight: Weight
    weight_pct: WeightPct
    return_pct: ReturnPct
    market_cap: MarketCap
    source_etfs: list[str] = Field(description="ETFs that picked it, in ticker order")
    allocation_reason: str = Field(description="The reason, in English")


class Allocations(Dated):
    """Positions of the 5/10/20-session portfolios of one session."""

    period_days: list[int] = Field(description="Periods with a computed portfolio of that session, empty ones too")
    allocations: list[Allocation] = Field(description="By period, then rank")
