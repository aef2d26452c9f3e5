"""Dead letters as a person reads them; of each role's rights only those that its programs use (contracts 5.3, 8)."""

from alembic import op

revision = "0007"
down_revision = "0006"

# Headers as JSON with base64 values; a NUL that somebody put into a header's name can be stored and not be parsed.
VIEW = r"""
CREATE VIEW v_dead_letters AS
SELECT topic || '/' || "partition" || '/' || "offset" AS name, status, encode(message_key, 'escape') AS message_key,
       CASE WHEN position('\u0000' IN encode(headers, 'escape')) = 0 THEN (
           SELECT encode(decode(each ->> 1, 'base64'), 'escape')
           FROM json_array_elements(convert_from(headers, 'UTF8')::json) each WHERE each ->> 0 = 'run_id' LIMIT 1)
       END AS run_id,
       error_msg, length(raw_value) AS bytes, received_at, updated_at, topic_id
FROM logs_consumer_error ORDER BY received_at DESC, topic, "partition", "offset"
"""
LEDGER = "process_executions, asset_processing_details"
REPLACED = (
    "analytics_03_trending_etfs, analytics_05_portfolio_allocation, analytics_05_candidates, "
    "analytics_08_monthly_portfolio, analytics_09_etf_top_holdings, analytics_09_etf_concentration, "
    "analytics_09_etf_overlap, analytics_etf_monthly, analytics_sector_trending, analytics_stock_trending, "
    "analytics_portfolio_performance"
)
# What stays: replaced rows go and come, a header changes, a finding and an old revision are written once.
RIGHTS = f"""
GRANT SELECT ON v_dead_letters TO consumer, collector, batch, api;
REVOKE DELETE ON {LEDGER}, asset_processing_state, source_budget FROM collector;
REVOKE UPDATE, DELETE ON data_quality_findings FROM collector, batch;
REVOKE DELETE ON collected_00_meta_stock, collected_00_market_cap, collected_00_fx_rate FROM consumer;
REVOKE DELETE ON consumer_offsets, logs_consumer_error FROM consumer;
REVOKE UPDATE ON asset_processing_details FROM consumer;
GRANT UPDATE (status, rows, error, permanent, finished_at, updated_at) ON asset_processing_details TO consumer;
REVOKE SELECT ON process_executions FROM consumer;
REVOKE DELETE ON {LEDGER}, analytics_portfolios FROM batch;
REVOKE UPDATE, DELETE ON analytics_portfolio_revisions FROM batch;
REVOKE UPDATE ON {REPLACED} FROM batch;
"""


def upgrade() -> None:
    for statement in (VIEW, RIGHTS):
        op.execute(statement)
