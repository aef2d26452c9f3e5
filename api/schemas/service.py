"""How fresh the platform is."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.schemas.choices import FreshnessState
from api.schemas.model import Model


class Status(Model):
    """How fresh the platform's results are."""

    as_of_date: date | None = Field(description="Newest session with results; null before the first")
    expected_as_of_date: date = Field(description="Session that results should describe by now")
    sessions_behind: int | None = Field(
        description="Sessions from as_of_date to expected_as_of_date; null without results"
    )
    freshness: FreshnessState = Field(description="current; due: the newest session's results are not late yet; behind")
    due_at: datetime | None = Field(
        description="When results of expected_as_of_date count as late (platform clock, UTC); null when current"
    )
    is_current: bool = Field(description="No session after as_of_date closed more than API_FRESH_HOURS ago")
    computed_at: datetime | None = Field(description="When the newest results were computed (wall clock, UTC)")
    next_run_at: datetime = Field(description="Next scheduled start of the daily pipeline (platform clock, UTC)")
    is_demo: bool = Field(description="The market is invented")
    market: str = Field(description="yahoo, demo or replay-<name>")
    usd_krw: float | None = Field(description="Won for one US dollar; null when no rate is in reach")
    usd_krw_date: date | None = Field(description="Day of that rate")
    version: str = Field(description="Version of the platform")


class Sessions(Model):
    """Which dates have results."""

    first: date | None = Field(description="Oldest session with results")
    newest: date | None = Field(description="Newest session with results")
    sessions: list[date] = Field(description="Sessions with a computed portfolio, oldest first")
    without_result: list[date] = Field(description="Sessions between first and expected that have none")
    next_session: date = Field(description="First session after the expected one: what lies between is none")
    rebalances: list[date] = Field(description="Rebalance dates with a monthly portfolio, oldest first")


class Health(BaseModel):
    """The process is up."""

    status: Literal["ok"] = Field(default="ok", description="Always")


class Ready(BaseModel):
    """Whether requests can be answered."""

    status: Literal["ready"] = Field(default="ready", description="Always; else the answer is a 503")
    schema_revision: str = Field(description="Migration the database is at")
