"""The ETFs of the universe."""

from datetime import date

from pydantic import Field

from api.schemas.holdings import TopHolding
from api.schemas.model import Dated, EtfTicker, EtfType, Model, PeriodDays, Price, SectorName, Ticker


class TrendingEtf(Model):
    """One ETF in all three periods. A figure is null when an end bar is missing."""

    etf_ticker: Ticker
    description: str = Field(description="What the ETF follows")
    etf_type: EtfType
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


class EtfListed(Model):
    """One ETF of the universe."""

    etf_ticker: EtfTicker
    description: str = Field(description="What the ETF follows")
    name_ko: str = Field(description="Its short name in Korean")
    etf_type: EtfType
    sector_name: SectorName
    trade_date: date | None = Field(description="Session of the newest bar; null without any")
    close_price: float | None = Field(description="Its close, USD, split-adjusted")
    price_change_percent: float | None = Field(
        description="Percent: 100 × (close / previous session's close − 1); null where that session has no bar"
    )
    holdings_as_of: date | None = Field(description="Date of the newest holdings list; null without any")


class EtfList(Dated):
    """The universe."""

    etfs: list[EtfListed] = Field(description="In ticker order")


class EtfDay(Model):
    """One session of an ETF beside SPY's. Figures are null where a bar is missing."""

    trade_date: date = Field(description="Session")
    close_price: float | None = Field(description="Close, USD, split-adjusted")
    return_pct: float | None = Field(description="Total return since the session before, percent")
    index_value: float | None = Field(description="100 × adjusted close over that of the first session")
    spy_return_pct: float | None = Field(description="SPY's return since the session before, percent")
    spy_index_value: float | None = Field(description="SPY's index_value")


class EtfBenchmark(Dated):
    """An ETF over the last sessions, beside SPY."""

    etf_ticker: EtfTicker
    start_date: date = Field(description="First session in the answer")
    total_return_pct: float | None = Field(description="From the first session to as_of_date, percent")
    spy_total_return_pct: float | None = Field(description="SPY's over the same sessions, percent")
    excess_pp: float | None = Field(description="Their difference, percentage points")
    days: list[EtfDay] = Field(description="Oldest first")


class RelativeStrengthLine(Model):
    """One ETF's line."""

    etf_ticker: EtfTicker
    etf_type: EtfType
    sector_name: SectorName
    base_date: date | None = Field(description="Where it is 100: the first session with a bar; null without any")
    values: list[float | None] = Field(description="One a session: 100 × (ETF / ETF₀) / (SPY / SPY₀), adjusted closes")


class RelativeStrengthPoint(Model):
    """One cell of the table, for CSV."""

    trade_date: date = Field(description="Session")
    etf_ticker: EtfTicker
    relative_strength: float | None = Field(description="100 × (ETF / ETF₀) / (SPY / SPY₀), adjusted closes")


class RelativeStrength(Dated):
    """Every ETF against SPY, whose line is 100."""

    sessions: list[date] = Field(description="Oldest first")
    etfs: list[RelativeStrengthLine] = Field(description="In ticker order")


class TrendingEtfTopHoldings(Dated):
    """The best holdings of the ETFs that trend at a session."""

    period_days: PeriodDays
    trending_etfs: list[str] = Field(description="ETFs that rose and beat SPY in the period, in ticker order")
    holdings_analysed_as_of: date | None = Field(
        description="Session of the holdings' figures: the newest analysis at or before as_of_date; null without one"
    )
    holdings: list[TopHolding] = Field(description="By ETF, each ETF's best total_return first")


class TopPerformer(Model):
    """One stock's return over the period."""

    rank: int = Field(description="1 = highest total_return; ties by ticker")
    ticker: Ticker
    holding_name: str = Field(description="Name of the stock")
    sector: str = Field(description="Sector name, or Unknown")
    total_return: float = Field(description="Total return over the period, percent, own currency")
    volatility: float | None = Field(description="Sample standard deviation of its daily returns, percent")
    current_price: Price
    market_cap: int | None = Field(description="Whole-company market cap at as_of_date, USD")
    etfs: list[str] = Field(description="ETFs that hold it, in ticker order")


class TopPerformers(Dated):
    """The best stocks of all known holdings."""

    period_days: PeriodDays
    spy_return_pct: float | None = Field(description="SPY's return over the period, percent; null without")
    stocks: list[TopPerformer] = Field(description="Best first")


class SectorPerformers(Model):
    """The best stocks of one sector."""

    sector: str = Field(description="Sector name, or Unknown")
    stock_count: int = Field(description="Stocks of the sector with a return", ge=0)
    stocks: list[TopPerformer] = Field(description="Best first; rank is within the sector")


class TopPerformersBySector(Dated):
    """The best stocks of each sector."""

    period_days: PeriodDays
    spy_return_pct: float | None = Field(description="SPY's return over the period, percent; null without")
    sectors: list[SectorPerformers] = Field(description="In name order, Unknown last")
