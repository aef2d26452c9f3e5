"""The views other documents name (contracts 5.2), the operators' views (5.3), and each role's least rights."""

from alembic import op

revision = "0002"
down_revision = "0001"

VIEWS = """
CREATE VIEW collected_meta_etf AS SELECT * FROM collected_00_meta_etf;
CREATE VIEW collected_daily_etf_ohlc AS SELECT * FROM collected_01_daily_etf_ohlc;
CREATE VIEW collected_etf_holdings AS
SELECT etf_ticker, holding_ticker AS stock_ticker, holding_name AS stock_name, as_of_date AS collected_date,
       holding_percent, holding_rank, shares, market_value, source, fetched_at, created_at, updated_at
FROM collected_04_etf_holdings;
CREATE VIEW collected_monthly_benchmark_holdings AS
SELECT h.etf_ticker, h.holding_ticker AS stock_ticker, h.holding_name AS stock_name, h.as_of_date AS collected_date,
       h.holding_percent, h.holding_rank, h.shares, h.market_value, h.source, h.fetched_at
FROM collected_04_etf_holdings h JOIN collected_00_meta_etf e ON e.ticker = h.etf_ticker
WHERE e.etf_type = 'benchmark';
CREATE VIEW collected_daily_stock_history AS
SELECT b.*, m.company_name, m.sector, c.market_cap
FROM collected_06_daily_stock_history b
LEFT JOIN collected_00_meta_stock m USING (ticker)
LEFT JOIN collected_00_market_cap c ON c.ticker = b.ticker AND c.session_date = b.trade_date;
CREATE VIEW analytics_trending_etfs AS
SELECT as_of_date, etf_ticker, max(etf_type) AS etf_type, max(sector_name) AS sector_name,
       max(return_pct) FILTER (WHERE period_days = 5) AS return_5d,
       max(return_pct) FILTER (WHERE period_days = 10) AS return_10d,
       max(return_pct) FILTER (WHERE period_days = 20) AS return_20d,
       max(spy_return_pct) FILTER (WHERE period_days = 5) AS spy_return_5d,
       max(spy_return_pct) FILTER (WHERE period_days = 10) AS spy_return_10d,
       max(spy_return_pct) FILTER (WHERE period_days = 20) AS spy_return_20d,
       bool_or(is_trending) FILTER (WHERE period_days = 5) AS is_trending_5d,
       bool_or(is_trending) FILTER (WHERE period_days = 10) AS is_trending_10d,
       bool_or(is_trending) FILTER (WHERE period_days = 20) AS is_trending_20d,
       max(outperformance) FILTER (WHERE period_days = 20) AS outperformance,
       max(rank_by_outperformance) FILTER (WHERE period_days = 20) AS rank_by_outperformance,
       bool_or(is_trending) FILTER (WHERE period_days = 20) AS is_trending
FROM analytics_03_trending_etfs GROUP BY as_of_date, etf_ticker;
CREATE VIEW analytics_portfolio_allocation AS
SELECT p.*, held.return_pct AS return_20d, held.rank AS rank_20d
FROM analytics_05_portfolio_allocation p
LEFT JOIN analytics_05_portfolio_allocation held
    ON held.as_of_date = p.as_of_date AND held.ticker = p.ticker AND held.period_days = 20;
CREATE VIEW analytics_portfolio_5d AS SELECT * FROM analytics_portfolio_allocation WHERE period_days = 5;
CREATE VIEW analytics_portfolio_10d AS SELECT * FROM analytics_portfolio_allocation WHERE period_days = 10;
CREATE VIEW analytics_portfolio_20d AS SELECT * FROM analytics_portfolio_allocation WHERE period_days = 20;
CREATE VIEW analytics_monthly_portfolio AS SELECT * FROM analytics_08_monthly_portfolio;
CREATE VIEW analytics_etf_top_holdings AS
SELECT as_of_date AS analysis_date, etf_ticker, period_days, holding_ticker AS stock_ticker, holding_name AS stock_name,
       holding_sector, rank_position, avg_return, total_return, volatility, sharpe_ratio, observations, avg_volume,
       current_price, market_cap, run_id, created_at, updated_at
FROM analytics_09_etf_top_holdings;

CREATE VIEW v_recent_executions AS
SELECT process, as_of_date, status, requested, stored, unchanged, failed, dead_lettered, api_calls,
       CASE WHEN requested > 0 THEN round(100.0 * (stored + unchanged) / requested, 2) END AS success_rate_pct,
       finished_at - started_at AS took, started_at, error, run_id
FROM process_executions WHERE started_at > now() - interval '7 days' ORDER BY started_at DESC;
CREATE VIEW v_today_processing_activity AS
SELECT operation, status, count(*) AS items, sum(api_calls) AS api_calls, min(started_at) AS first,
       max(coalesce(finished_at, started_at)) AS last
FROM asset_processing_details WHERE started_at >= date_trunc('day', now()) GROUP BY operation, status;
CREATE FUNCTION get_processing_progress() RETURNS TABLE (metric text, value bigint, percentage numeric)
LANGUAGE sql STABLE AS $$
    SELECT status, count(*), round(100.0 * count(*) / nullif(sum(count(*)) OVER (), 0), 2)
    FROM asset_processing_details WHERE started_at >= date_trunc('day', now()) GROUP BY status
    UNION ALL
    SELECT 'total', count(*), CASE WHEN count(*) > 0 THEN 100.00 END
    FROM asset_processing_details WHERE started_at >= date_trunc('day', now())
$$;
"""

LEDGER = "process_executions, asset_processing_details"
COLLECTED = (
    "collected_00_meta_stock, collected_00_market_cap, collected_00_fx_rate, collected_01_daily_etf_ohlc, "
    "collected_04_etf_holdings, collected_06_daily_stock_history"
)
ANALYTICS = (
    "analytics_03_trending_etfs, analytics_portfolios, analytics_portfolio_revisions, "
    "analytics_05_portfolio_allocation, analytics_05_candidates, analytics_08_monthly_portfolio, "
    "analytics_09_etf_top_holdings, analytics_09_etf_concentration, analytics_09_etf_overlap, "
    "analytics_etf_monthly, analytics_sector_trending, analytics_stock_trending, "
    "analytics_portfolio_performance"
)
WRITE = "SELECT, INSERT, UPDATE, DELETE"
# The consumer and the batch programs build what they write in temporary tables; a role may always make those.
RIGHTS = f"""
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO collector, consumer, batch, api, pipeline;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO collector, batch;
REVOKE SELECT ON api_keys FROM collector, batch;
GRANT {WRITE} ON {LEDGER}, asset_processing_state, source_budget, data_quality_findings TO collector;
GRANT {WRITE} ON {COLLECTED}, consumer_offsets, logs_consumer_error TO consumer;
GRANT SELECT, UPDATE ON asset_processing_details TO consumer;
GRANT SELECT ON process_executions TO consumer;
GRANT SELECT, INSERT ON data_quality_findings TO consumer;
GRANT {WRITE} ON {ANALYTICS}, {LEDGER}, data_quality_findings TO batch;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO api;
GRANT UPDATE (last_used_at) ON api_keys TO api;
GRANT SELECT ON {LEDGER}, asset_processing_state, analytics_portfolios, analytics_03_trending_etfs TO pipeline;
GRANT SELECT, INSERT ON pipeline_runs TO pipeline;
"""


def upgrade() -> None:
    for statement in (VIEWS, RIGHTS):
        op.execute(statement)
