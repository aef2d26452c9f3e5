"""From quotes and profiles to messages; pure. Market caps in the major unit of their currency (rules 4, Market cap)."""

from datetime import date, datetime

from collector.answers import NoData, Profile, Quote
from collector.rates import major_unit
from config.universe import SECTORS, UNKNOWN_SECTOR
from database.coverage import Stock
from utils.messages import ProfileMessage, QuotesMessage


def cap_message(quote: Quote, *, session: date, quoted_at: datetime) -> QuotesMessage:
    """The market cap with the price of the same answer.

    Raises NoData when the source gives none.
    """
    if not quote.market_cap or quote.market_cap <= 0 or not quote.price or quote.price <= 0:
        raise NoData("the source gives no market cap")
    if quote.currency is None:
        raise NoData("the source gives a market cap without a currency")
    return QuotesMessage(
        ticker=quote.ticker,
        session_date=session,
        market_cap=round(quote.market_cap),
        currency=major_unit(quote.currency),
        quote_price=round(quote.price, 6),
        quoted_at=quoted_at,
        fetched_at=quote.fetched_at,
        observed_at=quoted_at,
    )


def quoted_profile(quote: Quote, known: Stock | None, *, observed_at: datetime) -> ProfileMessage | None:
    """What a quote says of a stock that is not stored yet, or stored otherwise; None when nothing is new.

    A name alone that differs is not news: quotes and profiles spell them differently.
    """
    told = (quote.quote_type, quote.currency, quote.exchange)
    stored = (known.quote_type, known.currency, known.exchange) if known else (None, None, None)
    news = any(new is not None and new != old for new, old in zip(told, stored, strict=True))
    if not news and (known is None or known.company_name is not None or quote.name is None):
        return None
    return ProfileMessage(
        ticker=quote.ticker,
        company_name=_short(quote.name, 200),
        quote_type=_short(quote.quote_type, 30),
        currency=quote.currency,
        exchange=_short(quote.exchange, 20),
        fetched_at=quote.fetched_at,
        observed_at=observed_at,
    )


def profile_message(profile: Profile, *, observed_at: datetime) -> ProfileMessage:
    """A stock's profile, with the sector's name of contracts 1 (rules 7); the source's own stays beside it."""
    return ProfileMessage(
        ticker=profile.ticker,
        company_name=_short(profile.name, 200),
        quote_type=_short(profile.quote_type, 30),
        sector=SECTORS.get(profile.sector or "", UNKNOWN_SECTOR),
        source_sector=_short(profile.sector, 60),
        industry=_short(profile.industry, 200),
        currency=profile.currency,
        exchange=_short(profile.exchange, 20),
        fetched_at=profile.fetched_at,
        observed_at=observed_at,
    )


def learned(known: Stock | None, message: ProfileMessage) -> Stock:
    """What is known of a stock after a profile message: what it leaves open stays.

    >>> at = datetime.fromisoformat("2026-01-23T22:00:00Z")
    >>> told = ProfileMessage(ticker="A", quote_type="EQUITY", fetched_at=at, observed_at=at)
    >>> learned(Stock("A", sector="Energy"), told)
    Stock(ticker='A', company_name=None, quote_type='EQUITY', sector='Energy', currency=None, exchange=None)
    """
    before = known or Stock(message.ticker)
    told = {name: getattr(message, name) for name in Stock._fields if getattr(message, name) is not None}
    return before._replace(**told)


def _short(text: str | None, length: int) -> str | None:
    return text[:length] if text else None
