"""How each instrument stands, with the first and last date that is stored of it (contracts 5.3)."""

from alembic import op

revision = "0006"
down_revision = "0005"

# operation: table, its instrument, its date
STORED = {
    "bars": (
        ("collected_01_daily_etf_ohlc", "ticker", "trade_date"),
        ("collected_06_daily_stock_history", "ticker", "trade_date"),
    ),
    "holdings": (("collected_04_etf_holdings", "etf_ticker", "as_of_date"),),
    "quotes": (("collected_00_market_cap", "ticker", "session_date"),),
    "fx": (("collected_00_fx_rate", "currency", "rate_date"),),
}


def upgrade() -> None:
    spans = " UNION ALL ".join(
        f"SELECT min({day}) AS first, max({day}) AS last FROM {table}"
        f" WHERE s.operation = '{operation}' AND {key} = s.ticker"
        for operation, tables in STORED.items()
        for table, key, day in tables
    )
    op.execute(
        f"""CREATE VIEW v_asset_processing_state AS
            SELECT s.ticker, s.operation, stored.first AS first_stored_date, stored.last AS last_stored_date,
                   s.last_success, s.consecutive_failures, s.last_error, s.next_retry_at
            FROM asset_processing_state s
            CROSS JOIN LATERAL (SELECT min(first) AS first, max(last) AS last FROM ({spans}) each) stored"""
    )
    op.execute("GRANT SELECT ON v_asset_processing_state TO collector, batch, api")
