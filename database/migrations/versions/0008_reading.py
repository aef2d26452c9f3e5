"""Indexes for what the API reads: lists of stocks, runs and findings by their filters, how far market caps reach."""

from alembic import op

revision = "0008"
down_revision = "0007"

# As database/read_stocks.py and read_pipeline.py ask: tickers by code point, whatever the database's own order.
STATEMENTS = (
    """CREATE INDEX collected_00_meta_stock_listed ON collected_00_meta_stock (ticker COLLATE "C")
       WHERE coalesce(quote_type, 'EQUITY') = 'EQUITY'""",
    """CREATE INDEX collected_00_meta_stock_sector
       ON collected_00_meta_stock (coalesce(sector, 'Unknown'), ticker COLLATE "C") INCLUDE (sector)
       WHERE coalesce(quote_type, 'EQUITY') = 'EQUITY'""",
    "CREATE INDEX collected_00_market_cap_session ON collected_00_market_cap (session_date)",
    "CREATE INDEX process_executions_of_process ON process_executions (process, started_at, run_id)",
    "CREATE INDEX process_executions_of_status ON process_executions (status, started_at, run_id)",
    "CREATE INDEX data_quality_findings_of_ticker ON data_quality_findings (ticker, finding_id)",
    "CREATE INDEX data_quality_findings_of_check ON data_quality_findings (check_name, finding_id)",
    "CREATE INDEX data_quality_findings_of_severity ON data_quality_findings (severity, finding_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
