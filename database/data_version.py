"""Which state of the data a reader sees: an expression that costs one round trip and touches no table.

A snapshot of PostgreSQL is the set of transactions whose writes are visible. Two equal snapshots of one server see the
same rows of every table: whatever writes, deletes or changes the schema has a transaction number, and once it is
committed the snapshot is another one. So equal versions mean equal answers; unequal ones may mean a write elsewhere.
"""

# Numbers go on after a restart; a server put back to an earlier state starts at another instant.
DATA_VERSION = "pg_current_snapshot()::text || ' ' || pg_postmaster_start_time()::text"
