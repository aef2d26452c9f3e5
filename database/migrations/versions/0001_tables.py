"""All tables of contracts 5: collected, analytics, runs and logs. Units are in each column's comment (rules 9)."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

PRICE = sa.Numeric(18, 6)
PERCENT = sa.Numeric(14, 6)
WEIGHT = sa.Numeric(12, 10)
CAP = sa.Numeric(20, 0)
SCORE = sa.Numeric(24, 10)
INSTANT = sa.TIMESTAMP(timezone=True)
TICKER_CHECK = "{0} <> '' AND {0} = upper({0})"

# The same quantity has the same name and comment everywhere.
COMMENTS = {
    "as_of_date": "session the row describes",
    "ticker": "the source's symbol",
    "etf_ticker": "the ETF's symbol",
    "company_name": "name of the company",
    "sector": "sector name of contracts 1, or Unknown",
    "sector_name": "sector the ETF stands for; NULL for a benchmark",
    "etf_type": "benchmark or sector, as shown",
    "currency": "ISO code of the amounts of this row",
    "period_days": "look-back in sessions: 5, 10 or 20",
    "return_pct": "total return over the period, percent, in the instrument's own currency",
    "spy_return_pct": "SPY's total return over the same two sessions, percent",
    "market_cap": "whole-company market cap, USD",
    "run_id": "run that wrote the row",
    "created_at": "first written",
    "updated_at": "last written",
    "fetched_at": "wall clock when the source's answer arrived; only a newer answer overwrites",
    "changed_at": "last change of a value other than adj_close_price and bookkeeping",
    "computed_at": "wall clock when it was computed",
    "published_at": "platform clock when this revision was published",
    "holdings_as_of": "date of the holdings snapshot used",
    "covered_weight": "sum of the known holdings' weights, fraction",
    "year": "calendar year",
    "month": "calendar month, 1-12",
    "volatility": "sample standard deviation of daily returns, percent, not annualised",
    "strategy": "5d, 10d, 20d or monthly",
    "origin": "live: published before the next close; simulated: later (rules 4)",
    "revision": "1 for the first published",
    "allocation_reason": "why it was picked, in English",
    "rebalance_date": "last Sunday of the month",
}


def column(name: str, kind: Any, comment: str | None = None, *, null: bool = False, default: str | None = None) -> Any:
    """A column with its unit as comment."""
    server_default = sa.text(default) if default is not None else None
    return sa.Column(name, kind, comment=comment or COMMENTS[name], nullable=null, server_default=server_default)


def written() -> list[Any]:
    """Who wrote a row, and when."""
    return [
        column("run_id", sa.Text),
        column("created_at", INSTANT, default="now()"),
        column("updated_at", INSTANT, default="now()"),
    ]


def stamped() -> list[Any]:
    """Bookkeeping timestamps."""
    return written()[1:]


def table(name: str, *parts: Any, key: tuple[str, ...], checks: tuple[str, ...] = (), about: str) -> None:
    """A table with its natural key and what must hold for every row."""
    op.create_table(
        name,
        *parts,
        sa.PrimaryKeyConstraint(*key, name=f"{name}_pkey"),
        *(sa.CheckConstraint(check, name=f"{name}_check_{number}") for number, check in enumerate(checks, start=1)),
        comment=about,
    )


def ohlc() -> list[Any]:
    """Columns of a daily bar, as the source quotes it with auto_adjust=False."""
    return [
        column("open_price", PRICE, "split-adjusted, own currency", null=True),
        column("high_price", PRICE, "split-adjusted, own currency", null=True),
        column("low_price", PRICE, "split-adjusted, own currency", null=True),
        column("close_price", PRICE, "split-adjusted, own currency"),
        column("adj_close_price", PRICE, "adjusted for splits and dividends, own currency"),
        column("volume", sa.BigInteger, "shares traded"),
        column("dividend", PRICE, "per share, own currency; 0 when none", default="0"),
        column("split_ratio", PRICE, "shares after / before; 0 when none", default="0"),
        column("price_change_percent", PERCENT, "100 × (close / previous session's close − 1)", null=True),
        column("previous_session", sa.Date, "the session before on its exchange, with or without a bar", null=True),
        column("doubt", sa.Text, "why the bar is in doubt; NULL when it is not", null=True),
        column("doubt_value", PRICE, "the close that was doubted", null=True),
        column("doubt_session", sa.Date, "last session closed when the doubt was recorded", null=True),
        column(
            "confirmed_at", INSTANT, "when the doubt ended: a later session's fetch repeated it, or a person", null=True
        ),
        column("fetched_at", INSTANT),
        column("changed_at", INSTANT, default="now()"),
    ]


def collected() -> None:
    """Contracts 5.1."""
    table(
        "collected_00_meta_etf",
        column("ticker", sa.Text),
        column("etf_type", sa.Text),
        column("sector_name", sa.Text, null=True),
        column("description", sa.Text, "what the ETF follows"),
        *written(),
        key=("ticker",),
        checks=("etf_type IN ('benchmark', 'sector')", "(etf_type = 'sector') = (sector_name IS NOT NULL)"),
        about="The universe (contracts 1), written by migrate from config",
    )
    table(
        "collected_00_meta_stock",
        column("ticker", sa.Text),
        column("company_name", sa.Text, null=True),
        column("quote_type", sa.Text, "the source's type: EQUITY, ETF, …", null=True),
        column("sector", sa.Text, null=True),
        column("source_sector", sa.Text, "sector as the source names it", null=True),
        column("industry", sa.Text, "industry as the source names it", null=True),
        column("currency", sa.Text, "currency of its prices", null=True),
        column("exchange", sa.Text, "the source's exchange code", null=True),
        column("issuer", sa.Text, "who issued it, where classes share an issuer", null=True),
        column("fetched_at", INSTANT),
        column("changed_at", INSTANT, default="now()"),
        *written(),
        key=("ticker",),
        checks=(TICKER_CHECK.format("ticker"),),
        about="What each known holding is; a stock has the sector known today (rules 7)",
    )
    table(
        "collected_00_market_cap",
        column("ticker", sa.Text),
        column("session_date", sa.Date, "last session closed when it was quoted"),
        column("market_cap", CAP, "whole company, in the row's currency"),
        column("currency", sa.Text),
        column("quote_price", PRICE, "price of the same answer"),
        column("quoted_at", INSTANT, "platform clock when it was quoted"),
        column("doubt", sa.Text, "why the cap is in doubt; NULL when it is not", null=True),
        column("doubt_value", CAP, "the market cap that was doubted", null=True),
        column("confirmed_at", INSTANT, "when the doubt ended", null=True),
        column("fetched_at", INSTANT),
        column("changed_at", INSTANT, default="now()"),
        *written(),
        key=("ticker", "session_date"),
        checks=("market_cap > 0", "quote_price > 0"),
        about="Quoted market caps, the newest of a session (rules 4)",
    )
    table(
        "collected_00_fx_rate",
        column("currency", sa.Text, "ISO code of the foreign currency"),
        column("rate_date", sa.Date, "day of the rate"),
        column("usd_per_unit", sa.Numeric(20, 12), "US dollars for one unit of the currency"),
        column("fetched_at", INSTANT),
        column("changed_at", INSTANT, default="now()"),
        *written(),
        key=("currency", "rate_date"),
        checks=("usd_per_unit > 0",),
        about="Exchange rates",
    )
    for name, currency in (("collected_01_daily_etf_ohlc", []), ("collected_06_daily_stock_history", ["currency"])):
        table(
            name,
            column("ticker", sa.Text),
            column("trade_date", sa.Date, "session of the instrument's own exchange"),
            *(column(extra, sa.Text) for extra in currency),
            *ohlc(),
            *written(),
            key=("ticker", "trade_date"),
            checks=(
                "volume >= 0",
                "dividend >= 0",
                "split_ratio >= 0",
                "confirmed_at IS NULL OR doubt IS NOT NULL",
                "previous_session < trade_date",
            ),
            about="Daily bars as the source quotes them (rules 2)",
        )
        op.create_index(f"{name}_trade_date", name, ["trade_date"])
    table(
        "collected_04_etf_holdings",
        column("etf_ticker", sa.Text),
        column("holding_ticker", sa.Text, "the holding's symbol"),
        column("as_of_date", sa.Date, "date of the snapshot (rules 1)"),
        column("holding_name", sa.Text, "name as the source writes it"),
        column("holding_percent", PERCENT, "percent of the fund, 7.41"),
        column("holding_rank", sa.Integer, "1 = largest in the source's list"),
        column("shares", sa.Numeric(20, 4), "shares held, where known", null=True),
        column("market_value", sa.Numeric(20, 2), "value held, where known", null=True),
        column("source", sa.Text, "where the list is from"),
        column("fetched_at", INSTANT),
        column("changed_at", INSTANT, default="now()"),
        *written(),
        key=("etf_ticker", "holding_ticker", "as_of_date"),
        checks=("holding_percent > 0", "holding_rank >= 1"),
        about="Holdings snapshots: at most ten lines per fund",
    )
    op.create_index("collected_04_etf_holdings_date", "collected_04_etf_holdings", ["as_of_date", "etf_ticker"])


def analytics() -> None:
    """Contracts 5.2."""
    periods = "period_days IN (5, 10, 20)"
    strategies = "strategy IN ('5d', '10d', '20d', 'monthly')"
    origins = "origin IN ('live', 'simulated')"
    table(
        "analytics_03_trending_etfs",
        column("as_of_date", sa.Date),
        column("etf_ticker", sa.Text),
        column("period_days", sa.Integer),
        column("etf_type", sa.Text),
        column("sector_name", sa.Text, null=True),
        column("return_pct", PERCENT),
        column("spy_return_pct", PERCENT),
        column("outperformance", PERCENT, "return_pct − spy_return_pct, percentage points"),
        column("rank_by_outperformance", sa.Integer, "1 = highest within date and period; NULL for SPY", null=True),
        column("is_trending", sa.Boolean, "return above SPY's and above 0, strictly"),
        *written(),
        key=("as_of_date", "etf_ticker", "period_days"),
        checks=(
            periods,
            "outperformance = return_pct - spy_return_pct",
            "is_trending = (return_pct > spy_return_pct AND return_pct > 0)",
            "(rank_by_outperformance IS NULL) = (etf_ticker = 'SPY')",
        ),
        about="ETF returns against SPY (rules 3)",
    )
    table(
        "analytics_portfolios",
        column("strategy", sa.Text),
        column("as_of_date", sa.Date, "session, or rebalance_date of a monthly portfolio"),
        column("revision", sa.Integer),
        column("status", sa.Text, "complete, partial or empty (rules 4, Header)"),
        column("origin", sa.Text),
        column("positions", sa.Integer, "number of positions"),
        column("trending_etfs", sa.Integer, "ETFs that trended in the period", null=True),
        column("holdings_oldest", sa.Date, "oldest holdings snapshot used", null=True),
        column("input_as_of_date", sa.Date, "monthly: session whose portfolios were merged", null=True),
        column("left_out", JSONB, "list of {ticker, etf, reason}", default="'[]'"),
        column("first_published_at", INSTANT, "platform clock when revision 1 was published"),
        column("published_at", INSTANT),
        column("computed_at", INSTANT),
        *written(),
        key=("strategy", "as_of_date"),
        checks=(
            strategies,
            origins,
            "status IN ('complete', 'partial', 'empty')",
            "positions >= 0",
            "revision >= 1",
            "status <> 'empty' OR positions = 0",
            "status <> 'complete' OR positions > 0",
            "jsonb_typeof(left_out) = 'array'",
            "first_published_at <= published_at",
        ),
        about="Header of every computed portfolio, empty ones too; never deleted",
    )
    op.create_index("analytics_portfolios_date", "analytics_portfolios", ["as_of_date"])
    table(
        "analytics_portfolio_revisions",
        column("strategy", sa.Text),
        column("as_of_date", sa.Date),
        column("revision", sa.Integer),
        column("header", JSONB, "the replaced header"),
        column("positions", JSONB, "the replaced positions"),
        *written(),
        key=("strategy", "as_of_date", "revision"),
        checks=(strategies,),
        about="What was published before it was replaced",
    )
    table(
        "analytics_05_portfolio_allocation",
        column("as_of_date", sa.Date),
        column("ticker", sa.Text),
        column("period_days", sa.Integer),
        column("company_name", sa.Text, null=True),
        column("sector", sa.Text),
        column("market_cap", CAP),
        column("return_pct", PERCENT),
        column("portfolio_weight", WEIGHT, "fraction; a portfolio's weights sum to exactly 1"),
        column("rank", sa.Integer, "1 = largest weight; ties by ticker"),
        column("allocation_score", SCORE, "return_pct per USD trillion of market cap"),
        column("source_etfs", sa.Text, "ETFs that picked it, in ticker order, comma-separated"),
        column("allocation_reason", sa.Text),
        column("market_cap_source", sa.Text, "quote, carried or scaled (rules 4)"),
        *written(),
        key=("as_of_date", "ticker", "period_days"),
        checks=(
            periods,
            "portfolio_weight >= 0 AND portfolio_weight <= 1",
            "return_pct > 0",
            "market_cap > 0",
            "rank >= 1",
            "market_cap_source IN ('quote', 'carried', 'scaled')",
        ),
        about="Positions of the 5/10/20-session portfolios (rules 4)",
    )
    table(
        "analytics_05_candidates",
        column("as_of_date", sa.Date),
        column("period_days", sa.Integer),
        column("etf_ticker", sa.Text),
        column("ticker", sa.Text),
        column("holding_rank", sa.Integer, "1 = largest of the ETF's usable holdings"),
        column("holding_percent", PERCENT, "percent of the fund"),
        column("holdings_as_of", sa.Date),
        column("return_pct", PERCENT, null=True),
        column("market_cap", CAP, null=True),
        column("outcome", sa.Text, "selected, or why not"),
        *written(),
        key=("as_of_date", "period_days", "etf_ticker", "ticker"),
        checks=(
            periods,
            "outcome IN ('selected', 'lower_return', 'not_positive', 'no_return', 'no_market_cap', 'no_profile', "
            "'in_doubt')",
        ),
        about="Every (ETF, holding) looked at, with its outcome (rules 4)",
    )
    table(
        "analytics_08_monthly_portfolio",
        column("rebalance_date", sa.Date),
        column("ticker", sa.Text),
        column("valid_until", sa.Date, "20th session after rebalance_date"),
        column("company_name", sa.Text, null=True),
        column("sector", sa.Text),
        column("final_rank", sa.Integer, "existing stocks from 1, new ones from 20 or later (rules 5)"),
        column("final_weight", WEIGHT, "fraction; a portfolio's weights sum to exactly 1"),
        column("score", sa.Numeric(4, 1), "score of rules 5"),
        column("source_periods", sa.Text, "periods that hold it, longest first: 20d,10d,5d"),
        column("return_20d", PERCENT, "20-session return, percent", null=True),
        column("market_cap", CAP, null=True),
        column("allocation_reason", sa.Text),
        *written(),
        key=("rebalance_date", "ticker"),
        checks=("final_weight >= 0 AND final_weight <= 1", "final_rank >= 1", "score > 0"),
        about="Monthly portfolio (rules 5)",
    )
    table(
        "analytics_09_etf_top_holdings",
        column("as_of_date", sa.Date),
        column("etf_ticker", sa.Text),
        column("period_days", sa.Integer),
        column("holding_ticker", sa.Text, "the holding's symbol"),
        column("holding_name", sa.Text, "name of the holding"),
        column("holding_sector", sa.Text, "sector of the holding"),
        column("rank_position", sa.Integer, "1-5 by total_return; NULL below", null=True),
        column("avg_return", PERCENT, "mean daily return, percent", null=True),
        column("total_return", PERCENT, "total return over the period, percent"),
        column("volatility", PERCENT, null=True),
        column("sharpe_ratio", PERCENT, "avg_return / volatility × √252, risk-free 0", null=True),
        column("observations", sa.Integer, "daily returns used"),
        column("avg_volume", sa.BigInteger, "mean volume, shares", null=True),
        column("current_price", PRICE, "close at as_of_date, own currency"),
        column("market_cap", CAP, null=True),
        *written(),
        key=("as_of_date", "etf_ticker", "period_days", "holding_ticker"),
        checks=(periods,),
        about="Best holdings of each ETF (rules 6)",
    )
    table(
        "analytics_09_etf_concentration",
        column("as_of_date", sa.Date),
        column("etf_ticker", sa.Text),
        column("top_1_weight", WEIGHT, "weight of the largest holding, fraction"),
        column("top_5_weight", WEIGHT, "weight of the five largest, fraction"),
        column("top_10_weight", WEIGHT, "weight of the ten largest, fraction"),
        column("herfindahl_index", WEIGHT, "Σ w² over known holdings: a lower bound"),
        column("effective_holdings_min", PERCENT, "1/(Σw² + (1 − Σw)·w_last)"),
        column("effective_holdings_max", PERCENT, "1/Σw²"),
        column("covered_weight", WEIGHT),
        column("holdings_as_of", sa.Date),
        *written(),
        key=("as_of_date", "etf_ticker"),
        about="Concentration of each ETF's newest snapshot (rules 6)",
    )
    table(
        "analytics_09_etf_overlap",
        column("as_of_date", sa.Date),
        column("etf_ticker", sa.Text),
        column("other_etf_ticker", sa.Text, "the other ETF"),
        column("shared_count", sa.Integer, "tickers in both lists"),
        column("overlap_weight", WEIGHT, "Σ min(w, w) over shared tickers: a lower bound"),
        column("covered_weight", WEIGHT),
        column("other_covered_weight", WEIGHT, "the other ETF's covered weight, fraction"),
        column("holdings_as_of", sa.Date),
        column("other_holdings_as_of", sa.Date, "date of the other ETF's snapshot"),
        *written(),
        key=("as_of_date", "etf_ticker", "other_etf_ticker"),
        about="Overlap of two ETFs (rules 6)",
    )
    table(
        "analytics_etf_monthly",
        column("year", sa.Integer),
        column("month", sa.Integer),
        column("etf_ticker", sa.Text),
        column("return_pct", PERCENT, "monthly return, percent"),
        column("spy_return_pct", PERCENT, "SPY's return of the month, percent"),
        column("is_partial", sa.Boolean, "the month is still running"),
        *written(),
        key=("year", "month", "etf_ticker"),
        checks=("month BETWEEN 1 AND 12",),
        about="Monthly returns of the ETFs (rules 7)",
    )
    table(
        "analytics_sector_trending",
        column("year", sa.Integer),
        column("month", sa.Integer),
        column("sector", sa.Text),
        column("stock_count", sa.Integer, "stocks with a return"),
        column("avg_monthly_return", PERCENT, "mean of the stocks' monthly returns, percent"),
        column("volatility", PERCENT, null=True),
        column("positive_days", sa.Integer, "days with a positive sector mean"),
        column("total_trading_days", sa.Integer, "days with a sector mean"),
        column("positive_rate", PERCENT, "100 × positive_days / total_trading_days", null=True),
        column("best_day", PERCENT, "best daily sector mean, percent", null=True),
        column("worst_day", PERCENT, "worst daily sector mean, percent", null=True),
        column("is_trending", sa.Boolean, "mean above SPY's and 0, with at least 3 stocks"),
        *written(),
        key=("year", "month", "sector"),
        checks=("month BETWEEN 1 AND 12",),
        about="Sectors by month (rules 7)",
    )
    table(
        "analytics_stock_trending",
        column("year", sa.Integer),
        column("month", sa.Integer),
        column("ticker", sa.Text),
        column("company_name", sa.Text, null=True),
        column("sector", sa.Text),
        column("avg_monthly_return", PERCENT, "the stock's monthly return, percent"),
        column("vs_sector", PERCENT, "it − the sector's mean, percentage points"),
        column("volatility", PERCENT, null=True),
        column("total_volume", sa.BigInteger, "shares traded in the month"),
        column("month_high", PRICE, "highest high, own currency", null=True),
        column("month_low", PRICE, "lowest low, own currency", null=True),
        column("trading_days", sa.Integer, "its bars in the month"),
        column("is_trending", sa.Boolean, "return above the sector's mean and 0"),
        *written(),
        key=("year", "month", "ticker"),
        checks=("month BETWEEN 1 AND 12",),
        about="Stocks by month (rules 7)",
    )
    table(
        "analytics_portfolio_performance",
        column("strategy", sa.Text),
        column("origin", sa.Text),
        column("trade_date", sa.Date, "session"),
        column("daily_return", PERCENT, "percent, USD, before cost"),
        column("benchmark_return", PERCENT, "SPY, percent"),
        column("equity", SCORE, "starts at 1, before cost"),
        column("equity_net", SCORE, "starts at 1, after cost"),
        column("benchmark_equity", SCORE, "SPY, starts at 1"),
        column("turnover", WEIGHT, "½ Σ|Δw|, fraction"),
        column("cost", WEIGHT, "fraction of equity"),
        column("positions", sa.Integer, "positions held"),
        column("incomplete", sa.Boolean, "a holding had no bar for more than 5 sessions"),
        *written(),
        key=("strategy", "origin", "trade_date"),
        checks=(strategies, origins),
        about="Realised performance (rules 8)",
    )


def runs() -> None:
    """Contracts 5.3."""
    counts = ("requested", "stored", "unchanged", "failed", "dead_lettered", "api_calls")
    table(
        "pipeline_runs",
        column("dag_run_id", sa.Text, "dag id and Airflow's run id, joined by /"),
        column("as_of_date", sa.Date),
        column("resolved_at", INSTANT, "when the run's first task decided", default="now()"),
        *stamped(),
        key=("dag_run_id",),
        about="The session of each DAG run, resolved once (rules 1)",
    )
    table(
        "process_executions",
        column("run_id", sa.Text, "one attempt of one program"),
        column("process", sa.Text, "name of the stage or scope"),
        column("dag_run_id", sa.Text, "DAG run that started it; NULL by hand", null=True),
        column("try_number", sa.Integer, "Airflow's try, 1 by hand", default="1"),
        column("from_date", sa.Date, "first session of a range", null=True),
        column("as_of_date", sa.Date),
        column("usable", sa.Boolean, "what follows may use it (contracts 4)", default="false"),
        column("status", sa.Text, "running, success, partial, failed or skipped", default="'running'"),
        *(column(name, sa.Integer, f"items {name.replace('_', ' ')}", default="0") for name in counts[:-1]),
        column("api_calls", sa.Integer, "requests to the source", default="0"),
        column("started_at", INSTANT, "wall clock", default="now()"),
        column("finished_at", INSTANT, "wall clock", null=True),
        column("not_before", INSTANT, "to be run again, not before", null=True),
        column("error", sa.Text, "what broke, one line", null=True),
        *stamped(),
        key=("run_id",),
        checks=(
            "status IN ('running', 'success', 'partial', 'failed', 'skipped')",
            "status = 'running' OR requested = stored + unchanged + failed + dead_lettered",
            "(status = 'running') = (finished_at IS NULL)",
            "NOT usable OR status IN ('success', 'partial')",
        ),
        about="One row per attempt of a program",
    )
    op.create_index("process_executions_process", "process_executions", ["process", "as_of_date", "started_at"])
    op.create_index("process_executions_started", "process_executions", ["started_at"])
    op.create_table_comment("process_executions", "One row per attempt of a program; totals are derived when it closes")
    table(
        "asset_processing_details",
        column("run_id", sa.Text, "run the item belongs to"),
        column("ticker", sa.Text, "instrument, or the session of a batch program"),
        column("operation", sa.Text, "bars, holdings, quotes, profile, fx, or the batch process"),
        column("status", sa.Text, "planned, sent, stored, unchanged, failed or dead_lettered", default="'planned'"),
        column("rows", sa.Integer, "rows written", default="0"),
        column("api_calls", sa.Integer, "requests to the source", default="0"),
        column("error", sa.Text, "why it failed, one line", null=True),
        column("permanent", sa.Boolean, "a failure that trying again does not mend", default="false"),
        column("started_at", INSTANT, "planned", default="now()"),
        column("finished_at", INSTANT, "reached its end state", null=True),
        *stamped(),
        key=("run_id", "ticker", "operation"),
        checks=("status IN ('planned', 'sent', 'stored', 'unchanged', 'failed', 'dead_lettered')",),
        about="Each item of each run; end states are final (contracts 4)",
    )
    op.create_foreign_key(
        "asset_processing_details_run", "asset_processing_details", "process_executions", ["run_id"], ["run_id"]
    )
    table(
        "asset_processing_state",
        column("ticker", sa.Text),
        column("operation", sa.Text, "bars, holdings, quotes, profile or fx"),
        column("last_success", INSTANT, "last stored or unchanged", null=True),
        column("consecutive_failures", sa.Integer, "failures since", default="0"),
        column("last_error", sa.Text, "newest failure", null=True),
        column("next_retry_at", INSTANT, "quarantined until", null=True),
        *stamped(),
        key=("ticker", "operation"),
        about="How each instrument fares over runs",
    )
    table(
        "consumer_offsets",
        column("topic", sa.Text, "topic name"),
        column("partition", sa.Integer, "partition number"),
        column("topic_id", sa.Text, "the broker's id of the topic: a topic made anew has another"),
        column("next_offset", sa.BigInteger, "next message to store"),
        *stamped(),
        key=("topic", "partition"),
        checks=("next_offset >= 0",),
        about="Where the stored data stand in each partition (contracts 4)",
    )
    table(
        "logs_consumer_error",
        column("topic_id", sa.Text, "the broker's id of the topic"),
        column("partition", sa.Integer, "partition number"),
        column("offset", sa.BigInteger, "offset in the partition"),
        column("topic", sa.Text, "topic name"),
        column("message_key", sa.LargeBinary, "key as received", null=True),
        column("raw_value", sa.LargeBinary, "value as received", null=True),
        column("headers", sa.LargeBinary, "headers as received, JSON with base64 values", null=True),
        column("error_msg", sa.Text, "why it could not be stored"),
        column("received_at", INSTANT, "wall clock", default="now()"),
        column("status", sa.Text, "new, replayed or dropped", default="'new'"),
        *stamped(),
        key=("topic_id", "partition", "offset"),
        checks=("status IN ('new', 'replayed', 'dropped')",),
        about="Dead letters",
    )
    op.create_table(
        "data_quality_findings",
        sa.Column("finding_id", sa.BigInteger, sa.Identity(), primary_key=True, comment="surrogate"),
        column("run_id", sa.Text, "run that found it"),
        column("check_name", sa.Text, "missing session, doubt, restated, …"),
        column("ticker", sa.Text, "instrument concerned", null=True),
        column("session", sa.Date, "session concerned", null=True),
        column("severity", sa.Text, "info, warn or error"),
        column("detail", sa.Text, "one line"),
        *stamped(),
        sa.UniqueConstraint(
            "run_id",
            "check_name",
            "ticker",
            "session",
            name="data_quality_findings_key",
            postgresql_nulls_not_distinct=True,
        ),
        sa.CheckConstraint("severity IN ('info', 'warn', 'error')", name="data_quality_findings_check_1"),
        comment="What looked wrong in the data",
    )
    table(
        "source_budget",
        column("source", sa.Text, "yahoo"),
        column("day", sa.Date, "UTC day"),
        column("reserved", sa.Integer, "requests reserved and not settled", default="0"),
        column("used", sa.Integer, "requests made", default="0"),
        column("blocked_until", INSTANT, "the source asked to wait until", null=True),
        *stamped(),
        key=("source", "day"),
        checks=("reserved >= 0", "used >= 0"),
        about="Requests of the day, all programs together",
    )
    table(
        "api_keys",
        column("key_id", sa.Text, "public part of the key"),
        column("name", sa.Text, "who has it"),
        column("hash", sa.Text, "SHA-256 of the secret part, hex"),
        column("revoked_at", INSTANT, "no longer accepted since", null=True),
        column("last_used_at", INSTANT, "last accepted, to the minute", null=True),
        *stamped(),
        key=("key_id",),
        about="Clients of the REST API",
    )
    table(
        "alert_incidents",
        column("key", sa.Text, "what is wrong"),
        column("opened_at", INSTANT, "first seen", default="now()"),
        column("closed_at", INSTANT, "over since", null=True),
        column("detail", sa.Text, "one line"),
        *stamped(),
        key=("key",),
        about="Open and past incidents",
    )


def upgrade() -> None:
    collected()
    analytics()
    runs()
