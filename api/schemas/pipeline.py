"""What ran, how fresh each table is, and what looked wrong."""

from datetime import date, datetime

from pydantic import Field

from api.schemas.choices import Cadence, ItemStatus, RunStatus, Severity
from api.schemas.model import Dated, Model, Page


class Run(Model):
    """One attempt of one program."""

    run_id: str = Field(description="Names the attempt")
    process: str = Field(description="The stage or scope", examples=["portfolio_allocation"])
    dag_run_id: str | None = Field(description="DAG run that started it; null by hand")
    try_number: int = Field(description="Airflow's try; 1 by hand")
    from_date: date | None = Field(description="First session of a range; null for one session")
    as_of_date: date = Field(description="Session it was for, the last of a range")
    status: RunStatus = Field(description="running, success, partial, failed or skipped")
    usable: bool = Field(description="What follows may build on it")
    requested: int = Field(description="Items asked for: stored + unchanged + failed + dead_lettered", ge=0)
    stored: int = Field(description="Items stored", ge=0)
    unchanged: int = Field(description="Items the source had nothing new for", ge=0)
    failed: int = Field(description="Items that failed", ge=0)
    dead_lettered: int = Field(description="Items whose message could not be stored", ge=0)
    adds_up: bool = Field(description="requested is the sum of the other four; true while running")
    api_calls: int = Field(description="Requests to the source", ge=0)
    started_at: datetime = Field(description="Wall clock, UTC")
    finished_at: datetime | None = Field(description="Wall clock, UTC; null while running")
    took_seconds: float | None = Field(description="finished_at − started_at, seconds; null while running")
    not_before: datetime | None = Field(
        description="To be run again, not before this (wall clock, UTC); null when it need not"
    )
    error: str | None = Field(description="What broke or was left out, in one line")


class Runs(Page):
    """Runs, newest first."""

    runs: list[Run] = Field(description="Newest start first")


class RunItem(Model):
    """What became of one item of a run."""

    ticker: str = Field(description="Instrument, or the session of a batch program", examples=["NVDA"])
    operation: str = Field(description="bars, holdings, quotes, profile, fx, or the batch process")
    status: ItemStatus = Field(description="planned and sent are open; the others are final")
    rows: int = Field(description="Rows written", ge=0)
    api_calls: int = Field(description="Requests to the source", ge=0)
    error: str | None = Field(description="Why it failed, in one line")
    permanent: bool = Field(description="A failure that trying again does not mend")
    started_at: datetime = Field(description="Planned (wall clock, UTC)")
    finished_at: datetime | None = Field(description="Reached its end state (wall clock, UTC); null while open")


class RunDetail(Page):
    """One run with its items."""

    run: Run = Field(description="The run")
    items: list[RunItem] = Field(description="In ticker order, then by operation")


class TableFreshness(Model):
    """How far one table reaches."""

    table: str = Field(description="Name of the table", examples=["analytics_03_trending_etfs"])
    about: str = Field(description="What is in it")
    cadence: Cadence = Field(description="How often it is brought up to date")
    newest_date: date | None = Field(
        description="Newest session, snapshot or rebalance it is complete for, empty portfolios included; null: none"
    )
    expected_date: date = Field(description="What should be in it by now")
    sessions_behind: int | None = Field(description="Sessions from newest_date to expected_date; null when empty")
    row_count: int = Field(description="Rows; an estimate where is_estimate", ge=0)
    is_estimate: bool = Field(description="The table is too large to be counted")


class Freshness(Dated):
    """How far each table reaches. as_of_date is the session that daily tables should have."""

    tables: list[TableFreshness] = Field(description="In the order in which they are filled")


class Finding(Model):
    """Something that looked wrong in the data."""

    finding_id: int = Field(description="Newer findings have larger ones")
    found_at: datetime = Field(description="Wall clock, UTC")
    run_id: str = Field(description="Run that found it")
    check_name: str = Field(description="What was looked for", examples=["missing session"])
    severity: Severity = Field(description="info, warn or error")
    ticker: str | None = Field(description="Instrument concerned; null when none")
    session: date | None = Field(description="Session concerned; null when none")
    detail: str = Field(description="One line")


class Findings(Page):
    """Findings, newest first."""

    findings: list[Finding] = Field(description="Newest first")
