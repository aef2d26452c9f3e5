"""Figures about a portfolio, from its weights. Weights are fractions; results named `_pct` are percent (rules 10)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from api.schemas import Caution, FixedSentence, Move, NextInLine, Pick, SectorWeight
from config.sentences import SENTENCES, Code
from config.universe import SHARE_CLASSES
from database.read_portfolios import Candidate, MonthlyPosition, Position

HALF = Decimal("0.5")
FEW = 3
ROWS = 20


def percent(weight: Decimal) -> float:
    """A fraction as percent, exactly: no digit of float noise.

    >>> percent(Decimal("0.0741000000"))
    7.41
    """
    return float(weight * 100)


def won_per_dollar(usd_per_won: Decimal) -> float:
    """The rate as people say it, to the tenth of a won.

    >>> won_per_dollar(Decimal("0.000713674"))
    1401.2
    """
    return round(float(1 / usd_per_won), 1)


def mean(values: Sequence[Decimal]) -> float | None:
    """To 6 decimals, as figures are stored; None without a value.

    >>> mean([Decimal("1.5"), Decimal("-0.5")])
    0.5
    """
    return round(float(sum(values, Decimal(0)) / len(values)), 6) if values else None


def effective_positions(weights: Sequence[Decimal]) -> float | None:
    """1 / Σ w²; None without a position.

    >>> effective_positions([Decimal("0.5"), Decimal("0.5")])
    2.0
    """
    squares = sum((weight * weight for weight in weights), Decimal(0))
    return round(float(1 / squares), 6) if squares else None


def warnings_of(positions: Sequence[Position | MonthlyPosition]) -> list[Caution]:
    """What a reader must be told about a lopsided portfolio."""
    weights = {position.ticker: position.portfolio_weight for position in positions}
    found = [
        Caution(code="single_weight_above_half", value=percent(weight), tickers=[ticker])
        for ticker, weight in weights.items()
        if weight > HALF
    ]
    effective = effective_positions(list(weights.values()))
    if effective is not None and effective < FEW:
        found.append(Caution(code="few_effective_positions", value=effective, tickers=[]))
    for pair in SHARE_CLASSES:
        if all(ticker in weights for ticker in pair):
            joint = sum((weights[ticker] for ticker in pair), Decimal(0))
            found.append(Caution(code="same_company", value=percent(joint), tickers=list(pair)))
    return found


def sentences_of(codes: Sequence[Code]) -> list[FixedSentence]:
    """The sentences that belong beside a kind of portfolio."""
    return [FixedSentence(code=code, ko=SENTENCES[code].ko, en=SENTENCES[code].en) for code in codes]


def picks_of(ticker: str, candidates: Sequence[Candidate]) -> list[Pick]:
    """Why the stock is in, one entry an ETF that picked it."""
    return [
        Pick(
            etf=chosen.etf_ticker,
            holding_rank=chosen.holding_rank,
            holding_percent=float(chosen.holding_percent),
            holdings_as_of=chosen.holdings_as_of,
            better_without_cap=[
                other.ticker
                for other in candidates
                if other.etf_ticker == chosen.etf_ticker
                and other.outcome == "no_market_cap"
                and other.return_pct is not None
                and chosen.return_pct is not None
                and other.return_pct > chosen.return_pct
            ],
        )
        for chosen in candidates
        if chosen.ticker == ticker and chosen.outcome == "selected"
    ]


def next_in_line(positions: Sequence[Position], candidates: Sequence[Candidate]) -> list[NextInLine]:
    """Candidates that are not held, best return first (ties by ticker), up to 20 rows together with the positions."""
    held = {position.ticker for position in positions}
    etfs: dict[str, list[str]] = defaultdict(list)
    rows: dict[str, Candidate] = {}
    for candidate in candidates:
        if candidate.outcome == "lower_return" and candidate.ticker not in held:
            etfs[candidate.ticker].append(candidate.etf_ticker)
            rows.setdefault(candidate.ticker, candidate)
    ordered = sorted(rows.values(), key=lambda row: (-(row.return_pct or 0), row.ticker))
    return [
        NextInLine(
            ticker=row.ticker,
            company_name=row.company_name,
            sector=row.sector,
            return_pct=float(row.return_pct or 0),
            market_cap=None if row.market_cap is None else int(row.market_cap),
            source_etfs=sorted(etfs[row.ticker]),
        )
        for row in ordered[: max(ROWS - len(positions), 0)]
    ]


def sector_weights(positions: Sequence[Position]) -> list[SectorWeight]:
    """Weight by sector, largest first; ties by name."""
    weights: dict[str, Decimal] = defaultdict(Decimal)
    counts: dict[str, int] = defaultdict(int)
    for position in positions:
        weights[position.sector] += position.portfolio_weight
        counts[position.sector] += 1
    ordered = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    return [SectorWeight(sector=name, weight_pct=percent(weight), positions=counts[name]) for name, weight in ordered]


def moves(before: Sequence[Position], after: Sequence[Position]) -> tuple[list[Move], list[Move], list[Move]]:
    """(entered, left, stayed) between two portfolios, the largest first."""
    old = {position.ticker: position for position in before}
    new = {position.ticker: position for position in after}

    def move(ticker: str) -> Move:
        was = old[ticker].portfolio_weight if ticker in old else Decimal(0)
        now = new[ticker].portfolio_weight if ticker in new else Decimal(0)
        return Move(
            ticker=ticker,
            company_name=(new.get(ticker) or old[ticker]).company_name,
            weight_pct_before=percent(was),
            weight_pct=percent(now),
            change_pp=percent(now - was),
        )

    def largest_first(tickers: set[str]) -> list[Move]:
        return sorted(map(move, tickers), key=lambda row: (-abs(row.change_pp), row.ticker))

    return largest_first(set(new) - set(old)), largest_first(set(old) - set(new)), largest_first(set(old) & set(new))


def overlap(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> tuple[list[str], float]:
    """Shared tickers in order, and Σ of the smaller weights in percent.

    >>> overlap({"A": Decimal("0.6"), "B": Decimal("0.4")}, {"B": Decimal("0.7"), "C": Decimal("0.3")})
    (['B'], 40.0)
    """
    shared = sorted(set(one) & set(other))
    return shared, percent(sum((min(one[ticker], other[ticker]) for ticker in shared), Decimal(0)))
