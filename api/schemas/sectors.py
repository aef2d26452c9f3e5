"""Months and sectors (rules 7)."""

from pydantic import Field

from api.schemas.model import CompanyName, Dated, EtfTicker, EtfType, Model, MonthName, Sector, SectorName, Ticker


class SectorRow(Model):
    """One sector, and the ETF that stands for it."""

    sector: Sector
    etf_ticker: str | None = Field(description="ETF of the universe that stands for it; null where none does")
    stock_count: int = Field(description="Known stocks of the sector", ge=0)
    avg_monthly_return: float | None = Field(description="Mean monthly return of the month, percent; null without")
    etf_return_pct: float | None = Field(description="The ETF's return of the month, percent; null without")
    is_trending: bool | None = Field(description="Mean above SPY's and 0, with at least 3 stocks; null without")


class SectorList(Dated):
    """All sectors, with the newest month."""

    month: MonthName | None = Field(description="Month of the returns; null before the first")
    is_partial: bool = Field(description="The month is not over at as_of_date")
    sectors: list[SectorRow] = Field(description="In name order, Unknown last")


class StockMonth(Model):
    """One stock's month."""

    ticker: Ticker
    company_name: CompanyName
    avg_monthly_return: float = Field(description="The stock's return of the month, percent, own currency")
    vs_sector: float = Field(description="It − the sector's mean, percentage points")
    volatility: float | None = Field(description="Sample standard deviation of its daily returns, percent")
    total_volume: int = Field(description="Shares traded in the month")
    month_high: float | None = Field(description="Highest high, own currency")
    month_low: float | None = Field(description="Lowest low, own currency")
    trading_days: int = Field(description="Its bars in the month", ge=0)
    is_trending: bool = Field(description="Return above the sector's mean and 0")


class SectorMonth(Model):
    """One sector in one month."""

    month: MonthName
    is_partial: bool = Field(description="The month is not over at as_of_date")
    sector: Sector
    stock_count: int = Field(description="Distinct stocks with a return", ge=0)
    avg_monthly_return: float = Field(description="Mean of their monthly returns, percent")
    spy_return_pct: float | None = Field(description="SPY's return of the month, percent; null without")
    volatility: float | None = Field(
        description="Sample standard deviation of the sector's daily mean returns, percent, not annualised"
    )
    positive_days: int = Field(description="Days with a positive mean return", ge=0)
    total_trading_days: int = Field(description="Days with a mean return", ge=0)
    positive_rate: float | None = Field(description="Percent: 100 × positive_days / total_trading_days")
    best_day: float | None = Field(description="Best daily mean return, percent")
    worst_day: float | None = Field(description="Worst daily mean return, percent")
    is_trending: bool = Field(description="Mean above SPY's and 0, with at least 3 stocks")


class SectorMonthWithStocks(SectorMonth):
    """One sector in one month, with its best stocks."""

    stocks: list[StockMonth] = Field(description="The ten best by return; ties by ticker")


class SectorsOfMonth(Dated):
    """All sectors of one month."""

    month: MonthName
    is_partial: bool = Field(description="The month is not over at as_of_date")
    sectors: list[SectorMonthWithStocks] = Field(description="Best mean return first, Unknown last")


class SectorTrending(Dated):
    """Sectors over the last months."""

    months: list[str] = Field(description="Months with a result, oldest first", examples=[["2025-12", "2026-01"]])
    is_partial: bool = Field(description="The newest month is not over at as_of_date")
    rows: list[SectorMonth] = Field(description="Oldest month first; within it in name order, Unknown last")


class EtfMonth(Model):
    """One ETF's month."""

    month: MonthName
    return_pct: float | None = Field(description="Return of the month, percent; null without a result")
    excess_pp: float | None = Field(description="return_pct − SPY's return of the month, percentage points")
    is_partial: bool = Field(description="The month is not over at as_of_date")


class EtfMonths(Model):
    """One ETF's months."""

    etf_ticker: EtfTicker
    description: str = Field(description="What the ETF follows")
    etf_type: EtfType
    sector_name: SectorName
    months: list[EtfMonth] = Field(description="The answer's months, oldest first")
    total_return_pct: float | None = Field(
        description="Compounded over the answer's months, the partial one included, percent; null when one is missing"
    )
    total_excess_pp: float | None = Field(description="total_return_pct − SPY's, percentage points")


class EtfMonthRow(EtfMonth):
    """One cell of the table, for CSV."""

    etf_ticker: EtfTicker


class MonthlyPerformance(Dated):
    """Monthly returns of all ETFs."""

    months: list[str] = Field(description="Months shown, oldest first", examples=[["2025-12", "2026-01"]])
    newest_month: MonthName = Field(description="The newest month that has a result, shown or not")
    is_partial: bool = Field(description="The newest month is not over at as_of_date")
    etfs: list[EtfMonths] = Field(description="Sectors first, then benchmarks, each in ticker order")
