"""Local mode: every part of the platform on this machine, without containers (ARCHITECTURE.md, Two ways to run it).

    start.sh → __main__ → checks, then steps in order of what they need; services run under supervisor.

One folder holds one market: its settings, database, broker, Airflow, logs and clock (contracts 8).
"""
