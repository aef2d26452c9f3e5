"""Stocks and their daily bars."""

from datetime import date, datetime

from pydantic import Field

from api.schemas.model import CompanyName, Currency, Dated, Model, Page, Price, Sector, Ticker


class StockProfile(Model):
    """What is known of a stock."""

    ticker: Ticker
    company_name: CompanyName
    sector: Sector
    industry: str | None = Field(description="Industry as the source names it; null when unknown")
    exchange: str | None = Field(description="The source's exchange code; null when unknown")
    currency: Currency


class StockRow(StockProfile):
    """One stock, with its newest bar and market cap."""

    trade_date: date | None = Field(description="Session of the newest bar; null without any")
    close_price: float | None = Field(description="Its close, own currency, split-adjusted")
    price_change_percent: float | None = Field(
        description="Percent: 100 × (close / previous session's close − 1); null where that session has no bar"
    )
    market_cap: int | None = Field(description="Newest quoted whole-company market cap, in market_cap_currency")
    market_cap_currency: str | None = Field(description="ISO code")
    market_cap_date: date | None = Field(description="Session of the quote")


class StockList(Page):
    """Known stocks in ticker order, by code point."""

    stocks: list[StockRow] = Field(description="Every stock of any stored holdings list")


class StockBar(Model):
    """One session as the source quotes it (rules 2): split-adjusted, own currency."""

    trade_date: date = Field(description="Session of the stock's own exchange")
    open_price: float | None = Field(description="Open, own currency; null where the source has none")
    high_price: float | None = Field(description="High, own currency; null where the source has none")
    low_price: float | None = Field(description="Low, own currency; null where the source has none")
    close_price: Price
    adj_close_price: float = Field(
        description="Close adjusted for dividends, too, own currency: what returns are made of"
    )
    volume: int = Field(description="Shares traded", ge=0)
    dividend: float = Field(description="Per share, own currency; 0 when none", ge=0)
    split_ratio: float = Field(description="Shares after / before; 0 when none", ge=0)
    price_change_percent: float | None = Field(
        description="Percent: 100 × (close / previous session's close − 1); null where that session has no bar"
    )
    doubt: str | None = Field(description="Why the bar is in doubt and used by no result; null when it is not")


class StockLatest(StockProfile, Dated):
    """The newest bar of a stock, and what is known of the stock."""

    bar: StockBar = Field(description="The newest session")
    market_cap: int | None = Field(description="Newest quoted whole-company market cap, in market_cap_currency")
    market_cap_currency: str | None = Field(description="ISO code")
    market_cap_date: date | None = Field(description="Session of the quote")
    fetched_at: datetime = Field(description="When the bar arrived (wall clock, UTC)")


class StockHistory(Page):
    """Daily bars of a stock, newest first."""

    ticker: Ticker
    company_name: CompanyName
    currency: Currency
    bars: list[StockBar] = Field(description="Newest first")
