"""What ETFs hold, and what stage 9 made of it (rules 6).

The source publishes at most ten holdings of a fund: every figure stands beside the weight it covers.
"""

from datetime import date

from pydantic import Field

from api.schemas.model import (
    Currency,
    Dated,
    EtfTicker,
    EtfType,
    MarketCap,
    Model,
    Percent,
    PeriodDays,
    Sector,
    SectorName,
    Ticker,
)


class EtfHolding(Model):
    """One line of an ETF's list."""

    holding_rank: int = Field(description="1 = largest in the source's list", ge=1)
    ticker: Ticker
    holding_name: str = Field(description="Name as the source writes it")
    sector: Sector
    holding_percent: float = Field(description="Percent of the ETF", examples=[7.41])
    etf_count: int = Field(description="ETFs of the universe whose newest list has it, this one included")
    return_pct: float | None = Field(
        description="Total return over period_days up to returns_as_of, percent, own currency; null without a result"
    )


class EtfHoldings(Dated):
    """An ETF's newest holdings list at a date."""

    etf_ticker: EtfTicker
    holdings_as_of: date = Field(description="Date of the list: the newest at or before as_of_date")
    is_current: bool = Field(
        description="No session after holdings_as_of closed more than API_FRESH_HOURS (default 18) ago"
    )
    is_in_reach: bool = Field(description="At most 45 days old at as_of_date: recent enough for portfolios (rules 4)")
    covered_weight_pct: float = Field(description="Σ of the known holdings, percent of the fund; at most ten are known")
    period_days: PeriodDays
    returns_as_of: date | None = Field(description="Session of return_pct; null without a result")
    holdings: list[EtfHolding] = Field(description="Largest first")


class TopHolding(Model):
    """One holding of an ETF over a period (rules 6)."""

    etf_ticker: EtfTicker
    rank_position: int | None = Field(description="1–5 by total_return, ties by ticker; null below")
    ticker: Ticker
    holding_name: str = Field(description="Name of the holding")
    sector: Sector
    total_return: Percent = Field(description="Total return over the period, percent, own currency")
    avg_return: float | None = Field(description="Mean daily return, percent; null with too few bars")
    volatility: float | None = Field(
        description="Sample standard deviation of the daily returns, percent, not annualised; null with too few bars"
    )
    sharpe_ratio: float | None = Field(
        description="avg_return / volatility × √252, risk-free rate 0; only for 20 sessions, else null"
    )
    observations: int = Field(description="Daily returns used", ge=0)
    avg_volume: int | None = Field(description="Mean volume, shares")
    current_price: float = Field(description="Close at as_of_date, own currency")
    currency: Currency
    market_cap: MarketCap


class TopHoldings(Dated):
    """The best holdings of one ETF."""

    etf_ticker: EtfTicker
    period_days: PeriodDays
    holdings_as_of: date | None = Field(description="Date of the holdings list")
    covered_weight_pct: float | None = Field(description="Σ of the known holdings, percent of the fund")
    holdings: list[TopHolding] = Field(description="Best total_return first")


class AllHoldings(Dated):
    """The best holdings of every ETF."""

    period_days: PeriodDays
    holdings: list[TopHolding] = Field(description="By ETF, each ETF's best total_return first")


class HoldingsSummary(Model):
    """One ETF's holdings in a line."""

    etf_ticker: EtfTicker
    etf_type: EtfType
    sector_name: SectorName
    holdings_as_of: date | None = Field(description="Date of the holdings list; null without one in reach")
    covered_weight_pct: float | None = Field(description="Σ of the known holdings, percent of the fund")
    holding_count: int = Field(description="Holdings with a total return", ge=0)
    rising_count: int = Field(description="Of those, the ones that rose", ge=0)
    avg_total_return: float | None = Field(description="Mean of their total returns, percent, unweighted")
    best_ticker: str | None = Field(description="Best total return; ties by ticker")
    best_return: float | None = Field(description="Its total return, percent, own currency")
    worst_ticker: str | None = Field(description="Worst total return; ties by ticker")
    worst_return: float | None = Field(description="Its total return, percent, own currency")


class HoldingsSummaries(Dated):
    """Every ETF's holdings in a line."""

    period_days: PeriodDays
    etfs: list[HoldingsSummary] = Field(description="In ticker order")


class Holder(Model):
    """One ETF that holds the stock."""

    etf_ticker: EtfTicker
    etf_type: EtfType
    sector_name: SectorName
    holdings_as_of: date = Field(description="Date of the ETF's list")
    holding_rank: int = Field(description="1 = the ETF's largest holding", ge=1)
    holding_percent: float = Field(description="Percent of the ETF")
    rank_position: int | None = Field(description="1–5 among the ETF's holdings by total_return; null below or without")


class HoldingComparison(Dated):
    """Which ETFs hold a stock, and how much."""

    ticker: Ticker
    holding_name: str = Field(description="Name of the holding")
    sector: Sector
    period_days: PeriodDays
    total_return: float | None = Field(description="Over the period, percent, own currency; null without a result")
    volatility: float | None = Field(description="Sample standard deviation of its daily returns, percent")
    market_cap: MarketCap
    holders: list[Holder] = Field(description="Largest holding_percent first")


class Concentration(Model):
    """How concentrated an ETF is, as far as its list shows (rules 6)."""

    etf_ticker: EtfTicker
    etf_type: EtfType
    sector_name: SectorName
    holdings_as_of: date = Field(description="Date of the holdings list")
    covered_weight: float = Field(description="Σ of the known weights, fraction of the fund", ge=0)
    top_1_weight: float = Field(description="The largest holding, fraction", ge=0)
    top_5_weight: float = Field(description="The five largest, fraction", ge=0)
    top_10_weight: float = Field(description="The ten largest, fraction", ge=0)
    herfindahl_index: float = Field(description="Σ w² over the known holdings, fractions: a lower bound", ge=0)
    effective_holdings_min: float = Field(description="1 / (Σw² + (1 − Σw)·w_last), w_last the smallest known weight")
    effective_holdings_max: float = Field(description="1 / Σw²")


class Concentrations(Dated):
    """Concentration of every ETF with a list."""

    etfs: list[Concentration] = Field(description="In ticker order")


class EtfOverlap(Model):
    """What two ETFs have in common, as far as their lists show: at least this much."""

    etf_ticker: EtfTicker
    other_etf_ticker: EtfTicker
    shared_count: int = Field(description="Tickers in both lists", ge=0)
    shared_tickers: list[str] = Field(description="Those tickers, in ticker order")
    overlap_weight: float = Field(description="Σ of the smaller weight over the shared tickers, fraction", ge=0)
    covered_weight: float = Field(description="Σ of the first list's weights, fraction", ge=0)
    other_covered_weight: float = Field(description="Σ of the second list's weights, fraction", ge=0)
    holdings_as_of: date = Field(description="Date of the first list")
    other_holdings_as_of: date = Field(description="Date of the second list")


class OverlapMatrix(Dated):
    """The whole matrix."""

    etfs: list[str] = Field(description="Rows and columns of the matrix, in ticker order")
    overlaps: list[EtfOverlap] = Field(description="Each pair once, etf_ticker before other_etf_ticker")
