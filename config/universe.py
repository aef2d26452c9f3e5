"""The ETFs and the strategy's numbers, kept as data (contracts 1, rules 3-5). Adding an ETF is one line."""

from typing import Literal, NamedTuple

EtfType = Literal["benchmark", "sector"]
Group = Literal["benchmark", "sector", "all"]


class Etf(NamedTuple):
    """One ETF: the group(s) it is collected in, how it is shown, and its names."""

    ticker: str
    etf_type: EtfType
    groups: tuple[Group, ...]
    sector_name: str | None
    description: str
    name_ko: str


BENCHMARK = "SPY"

ETFS: tuple[Etf, ...] = (
    Etf("SPY", "benchmark", ("benchmark",), None, "S&P 500", "S&P 500"),
    Etf("QQQ", "sector", ("benchmark", "sector"), "Technology", "Nasdaq-100, standing in for Technology", "기술"),
    Etf("IWM", "benchmark", ("benchmark",), None, "Russell 2000", "러셀 2000"),
    Etf("EWY", "benchmark", ("benchmark",), None, "MSCI South Korea", "한국"),
    Etf("DIA", "benchmark", ("benchmark",), None, "Dow Jones Industrial Average", "다우존스"),
    Etf("SCHD", "benchmark", ("benchmark",), None, "Dow Jones U.S. Dividend 100", "미국 배당 100"),
    Etf("XLF", "sector", ("sector",), "Financial", "Financial Select Sector", "금융"),
    Etf("XLV", "sector", ("sector",), "Healthcare", "Health Care Select Sector", "헬스케어"),
    Etf("XLY", "sector", ("sector",), "Consumer Cyclical", "Consumer Discretionary Select Sector", "임의소비재"),
    Etf("XLC", "sector", ("sector",), "Communication", "Communication Services Select Sector", "커뮤니케이션"),
    Etf("XLI", "sector", ("sector",), "Industrial", "Industrial Select Sector", "산업재"),
    Etf("XLP", "sector", ("sector",), "Consumer Defensive", "Consumer Staples Select Sector", "필수소비재"),
    Etf("XLU", "sector", ("sector",), "Utilities", "Utilities Select Sector", "유틸리티"),
    Etf("XLRE", "sector", ("sector",), "Real Estate", "Real Estate Select Sector", "부동산"),
    Etf("XLB", "sector", ("sector",), "Basic Materials", "Materials Select Sector", "소재"),
)


def tickers_of(group: Group) -> tuple[str, ...]:
    """Tickers of one collection group, in the universe's order; QQQ is in both groups."""
    return tuple(etf.ticker for etf in ETFS if group == "all" or group in etf.groups)


# The source's sector names → the names of contracts 1 (rules 7). Anything else is UNKNOWN_SECTOR.
UNKNOWN_SECTOR = "Unknown"
SECTORS: dict[str, str] = {
    "Technology": "Technology",
    "Financial Services": "Financial",
    "Financial": "Financial",
    "Financials": "Financial",
    "Healthcare": "Healthcare",
    "Health Care": "Healthcare",
    "Consumer Cyclical": "Consumer Cyclical",
    "Consumer Discretionary": "Consumer Cyclical",
    "Communication Services": "Communication",
    "Communication": "Communication",
    "Industrials": "Industrial",
    "Industrial": "Industrial",
    "Consumer Defensive": "Consumer Defensive",
    "Consumer Staples": "Consumer Defensive",
    "Utilities": "Utilities",
    "Real Estate": "Real Estate",
    "Basic Materials": "Basic Materials",
    "Materials": "Basic Materials",
    "Information Technology": "Technology",
    "Energy": "Energy",
}

SECTOR_NAMES = (*sorted(set(SECTORS.values())), UNKNOWN_SECTOR)

# Share classes of one company, shown with their joint weight where both are in one portfolio (rules 4.5).
SHARE_CLASSES: tuple[tuple[str, str], ...] = (("GOOG", "GOOGL"), ("FOX", "FOXA"), ("NWS", "NWSA"), ("BRK-A", "BRK-B"))


class Exchange(NamedTuple):
    """The source's code of an exchange, how its symbols end, and its calendar (exchange_calendars)."""

    code: str
    suffix: str
    calendar: str


# An exchange that is not listed is one of New York's.
NEW_YORK = "XNYS"
EXCHANGES: tuple[Exchange, ...] = (
    # Asia and the Pacific
    Exchange("KSC", "KS", "XKRX"),
    Exchange("KOE", "KQ", "XKRX"),
    Exchange("JPX", "T", "XTKS"),
    Exchange("HKG", "HK", "XHKG"),
    Exchange("SHH", "SS", "XSHG"),
    Exchange("SHZ", "SZ", "XSHG"),
    Exchange("TAI", "TW", "XTAI"),
    Exchange("TWO", "TWO", "XTAI"),
    Exchange("SES", "SI", "XSES"),
    Exchange("KLS", "KL", "XKLS"),
    Exchange("SET", "BK", "XBKK"),
    Exchange("JKT", "JK", "XIDX"),
    Exchange("NSI", "NS", "XBOM"),
    Exchange("BSE", "BO", "XBOM"),
    Exchange("ASX", "AX", "XASX"),
    Exchange("NZE", "NZ", "XNZE"),
    # Europe
    Exchange("LSE", "L", "XLON"),
    Exchange("GER", "DE", "XETR"),
    Exchange("FRA", "F", "XFRA"),
    Exchange("PAR", "PA", "XPAR"),
    Exchange("AMS", "AS", "XAMS"),
    Exchange("BRU", "BR", "XBRU"),
    Exchange("LIS", "LS", "XLIS"),
    Exchange("MIL", "MI", "XMIL"),
    Exchange("MCE", "MC", "XMAD"),
    Exchange("EBS", "SW", "XSWX"),
    Exchange("VIE", "VI", "XWBO"),
    Exchange("ISE", "IR", "XDUB"),
    Exchange("STO", "ST", "XSTO"),
    Exchange("HEL", "HE", "XHEL"),
    Exchange("CPH", "CO", "XCSE"),
    Exchange("OSL", "OL", "XOSL"),
    Exchange("ATH", "AT", "ASEX"),
    Exchange("WSE", "WA", "XWAR"),
    Exchange("PRA", "PR", "XPRA"),
    Exchange("BUD", "BD", "XBUD"),
    Exchange("IST", "IS", "XIST"),
    Exchange("TLV", "TA", "XTAE"),
    # The Americas and Africa
    Exchange("TOR", "TO", "XTSE"),
    Exchange("VAN", "V", "XTSE"),
    Exchange("SAO", "SA", "BVMF"),
    Exchange("MEX", "MX", "XMEX"),
    Exchange("BUE", "BA", "XBUE"),
    Exchange("SGO", "SN", "XSGO"),
    Exchange("JNB", "JO", "XJSE"),
)
EXCHANGE_CALENDARS: dict[str, str] = {exchange.code: exchange.calendar for exchange in EXCHANGES}
EXCHANGE_OF_SUFFIX: dict[str, str] = {exchange.suffix: exchange.code for exchange in EXCHANGES}


def exchange_calendar(exchange: str | None) -> str:
    """Calendar name of the source's exchange code."""
    return EXCHANGE_CALENDARS.get(exchange or "", NEW_YORK)


PERIODS: tuple[int, ...] = (5, 10, 20)
TOP_HOLDINGS = 5
SNAPSHOT_REACH_DAYS = 45
CARRIED_CAP_REACH_DAYS = 30
FX_REACH_DAYS = 7
FOREIGN_BAR_REACH_DAYS = 10
FIRST_FETCH_SESSIONS = 300
OVERLAP_SESSIONS = 5
CATCH_UP_SESSIONS = 20

# The monthly portfolio (rules 5): the portfolios that hold a stock, longest first → its score.
MONTHLY_SCORES: dict[str, float] = {
    "20d": 1.0,
    "20d,10d": 2.0,
    "20d,5d": 2.0,
    "20d,10d,5d": 3.0,
    "10d,5d": 2.0,
    "10d": 0.5,
    "5d": 0.3,
}
FIRST_RANK_OF_NEW = 20  # of stocks that the 20-session portfolio does not hold
MONTHLY_INPUT_REACH_DAYS = 7
MONTHLY_VALID_SESSIONS = 20

# Realised performance (rules 8).
COST_BPS = 10  # of what is sold and bought, each way, in basis points
STALE_AFTER_SESSIONS = 5  # without a bar: from then on the figures are incomplete
