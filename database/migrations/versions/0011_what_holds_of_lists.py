"""What must hold for concentration and overlap (rules 6); comments say what their columns hold."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

# Weights have no upper bound: those of a list are rounded, and may sum to more than the fund.
CHECKS = {
    "analytics_09_etf_concentration": {
        "largest_first": "top_1_weight > 0 AND top_1_weight <= top_5_weight AND top_5_weight <= top_10_weight "
        "AND top_10_weight <= covered_weight",
        "herfindahl_index": "herfindahl_index > 0",
        "range": "effective_holdings_min > 0 AND effective_holdings_min <= effective_holdings_max",
    },
    "analytics_09_etf_overlap": {
        "two_etfs": "etf_ticker <> other_etf_ticker",
        "shared": "shared_count >= 0 AND (shared_count = 0) = (overlap_weight = 0)",
        "no_more_than_either": "overlap_weight >= 0 AND overlap_weight <= covered_weight "
        "AND overlap_weight <= other_covered_weight",
    },
}
STRIKES = "strikes: sessions with a permanent failure and no success since"
# A row that is gone cannot say so: one that stays does.
CHANGED = "last change of a value other than adj_close_price and bookkeeping, and when {} was removed"
REMOVED = {
    "collected_01_daily_etf_ohlc": "the bar before or after it",
    "collected_06_daily_stock_history": "the bar before or after it",
    "collected_04_etf_holdings": "another line of the list",
}
RETURNS = "Holdings of each ETF that have a return, the five best ranked (rules 6)"


def upgrade() -> None:
    for table, checks in CHECKS.items():
        for name, check in checks.items():
            op.create_check_constraint(f"{table}_{name}", table, sa.text(check))
    op.alter_column("asset_processing_state", "consecutive_failures", comment=STRIKES)
    op.create_table_comment("analytics_09_etf_top_holdings", RETURNS)
    for table, what in REMOVED.items():
        op.alter_column(table, "changed_at", comment=CHANGED.format(what))
