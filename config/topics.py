"""Kafka topics, named once (contracts 4)."""

ETF_DAILY = "etf-daily-data"
ETF_HOLDINGS = "etf-holdings-data"
STOCK_DAILY = "stock-daily-data"

TOPICS: tuple[str, ...] = (ETF_DAILY, ETF_HOLDINGS, STOCK_DAILY)
PARTITIONS = 6
TOPIC_CONFIG: dict[str, str] = {
    "compression.type": "gzip",  # whatever a producer sends: the one codec that every client can read
    "retention.ms": str(14 * 24 * 3600 * 1000),
    "max.message.bytes": str(8 * 1024 * 1024),
}
