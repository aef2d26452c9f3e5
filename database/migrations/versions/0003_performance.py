"""Realised performance as it is computed (rules 8): no return on the first day, stocks without a bar by name."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TABLE = "analytics_portfolio_performance"
COMMENTS = {
    "daily_return": "percent, USD, before cost; NULL on the first purchase of a series or stretch",
    "benchmark_return": "SPY, percent, dividends reinvested; NULL where daily_return is",
    "turnover": "½ Σ|w_new − w_drifted| of that day's purchase, cash counted as a position, fraction; 0 without one",
    "cost": "of that day's purchase at 10 basis points each way, fraction of equity",
    "positions": "stocks held after that day's purchase; 0 is cash",
    "incomplete": "a stock held had no bar for more than 5 sessions, on that day or before it in the series or stretch",
}
CHECKS = {
    "first_day": "(daily_return IS NULL) = (benchmark_return IS NULL)",
    "starts_at_1": "daily_return IS NOT NULL OR (equity = 1 AND benchmark_equity = 1)",
    "no_less_than_nothing": "daily_return >= -100 AND equity >= 0 AND benchmark_equity >= 0",
    "net_of_cost": "equity_net >= 0 AND equity_net <= equity",
    "turnover": "turnover >= 0 AND turnover <= 1 AND cost >= 0 AND cost < 1",
    "positions": "positions >= 0",
    "without_bar": "without_bar IS NULL OR (incomplete AND without_bar <> '')",
}


def upgrade() -> None:
    op.add_column(
        TABLE,
        sa.Column(
            "without_bar",
            sa.Text,
            comment="stocks held that day without a bar for more than 5 sessions, comma-separated; NULL when none",
        ),
    )
    for name in ("daily_return", "benchmark_return"):
        op.alter_column(TABLE, name, nullable=True)
    for name, comment in COMMENTS.items():
        op.alter_column(TABLE, name, comment=comment)
    for name, check in CHECKS.items():
        op.create_check_constraint(f"{TABLE}_{name}", TABLE, sa.text(check))
