"""Indexes for what the API still read from end to end: a sector's best stocks, the newest usable runs, how
far performance reaches."""

from alembic import op

revision = "0009"
down_revision = "0008"

# As database/read_months.py, monitoring.py and read_pipeline.py ask.
STATEMENTS = (
    """CREATE INDEX analytics_stock_trending_best
       ON analytics_stock_trending (year, month, sector, avg_monthly_return DESC, ticker COLLATE "C")""",
    "CREATE INDEX analytics_portfolio_performance_date ON analytics_portfolio_performance (trade_date)",
    "CREATE INDEX process_executions_usable ON process_executions (process, finished_at) WHERE usable",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
