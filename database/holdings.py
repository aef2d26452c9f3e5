"""Holdings snapshots: how a message becomes rows (rules 4.2; contracts 5.1). `holding_percent` is percent, 7.41."""

from database import staging
from database.connection import Connection
from utils.messages import HoldingsMessage

COLUMNS = ("holding_ticker", "holding_name", "holding_percent", "holding_rank", "shares", "market_value")


def write_holdings(connection: Connection, message: HoldingsMessage, run_id: str) -> int:
    """Make the ETF's list of that day what the message says, unless a newer answer stands there.

    How many rows are new, different or gone. Rows that say the same keep `changed_at`, unless all that happened is that
    others went. Call it inside a transaction.
    """
    values = {
        "etf": message.ticker,
        "as_of_date": message.as_of_date,
        "source": message.source,
        "fetched_at": message.fetched_at,
        "run_id": run_id,
    }
    newer = connection.execute(
        """SELECT FROM collected_04_etf_holdings
           WHERE etf_ticker = %(etf)s AND as_of_date = %(as_of_date)s AND fetched_at >= %(fetched_at)s LIMIT 1""",
        values,
    ).fetchone()
    if newer is not None:
        return 0
    staging.fill(
        connection,
        "incoming_holdings",
        COLUMNS,
        (
            (
                line.holding_ticker,
                line.holding_name,
                line.holding_percent,
                line.holding_rank,
                line.shares,
                line.market_value,
            )
            for line in message.holdings
        ),
    )
    gone = connection.execute(
        """DELETE FROM collected_04_etf_holdings s WHERE s.etf_ticker = %(etf)s AND s.as_of_date = %(as_of_date)s
             AND NOT EXISTS (SELECT FROM incoming_holdings i WHERE i.holding_ticker = s.holding_ticker)""",
        values,
    ).rowcount
    written = connection.execute(
        """INSERT INTO collected_04_etf_holdings AS old
               (etf_ticker, as_of_date, holding_ticker, holding_name, holding_percent, holding_rank, shares,
                market_value, source, fetched_at, run_id)
           SELECT %(etf)s, %(as_of_date)s, holding_ticker, holding_name, holding_percent, holding_rank, shares,
                  market_value, %(source)s, %(fetched_at)s, %(run_id)s
           FROM incoming_holdings ORDER BY holding_ticker
           ON CONFLICT (etf_ticker, holding_ticker, as_of_date) DO UPDATE SET
               (holding_name, holding_percent, holding_rank, shares, market_value, source, fetched_at, run_id) =
               (excluded.holding_name, excluded.holding_percent, excluded.holding_rank, excluded.shares,
                excluded.market_value, excluded.source, excluded.fetched_at, excluded.run_id),
               changed_at = now(), updated_at = now()
           WHERE (old.holding_name, old.holding_percent, old.holding_rank, old.shares, old.market_value, old.source)
               IS DISTINCT FROM (excluded.holding_name, excluded.holding_percent, excluded.holding_rank,
                                 excluded.shares, excluded.market_value, excluded.source)""",
        values,
    ).rowcount
    # The snapshot is one unit: an older answer must find this one's time on every row. And a row that is gone cannot
    # say that the list has changed (database/changes.py): where no new one does, those that stay say it.
    connection.execute(
        """UPDATE collected_04_etf_holdings SET fetched_at = %(fetched_at)s,
               changed_at = CASE WHEN %(only_gone)s THEN now() ELSE changed_at END
           WHERE etf_ticker = %(etf)s AND as_of_date = %(as_of_date)s AND fetched_at < %(fetched_at)s""",
        values | {"only_gone": gone > 0 and written == 0},
    )
    return written + gone
