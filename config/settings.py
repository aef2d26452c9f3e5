"""Typed settings: one small class a concern, read from the environment when asked, never at import (contracts 8).

A wrong or missing value ends the program with one line that names the variable: see `load`.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]


class _Settings(BaseSettings):
    """What every concern has in common: a variable that is there and empty, as in .env.example, is not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True)


class DatabaseSettings(_Settings):
    """Where results are, and as whom this program may reach them."""

    model_config = SettingsConfigDict(env_prefix="DB_")
    host: str = "127.0.0.1"
    port: Port = 5432
    name: str = "stockdb"
    user: str = Field(description="this program's role")
    password: SecretStr


class KafkaSettings(_Settings):
    """Where the broker is and how long a message may take."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_")
    bootstrap_servers: str = Field(description="host:port, comma-separated")
    delivery_timeout_s: PositiveInt = Field(default=120, description="a message not confirmed by then has failed")
    store_timeout_s: PositiveInt = Field(default=120, description="an item not stored by then is failed (unconfirmed)")
    batch_messages: PositiveInt = Field(default=200, description="messages a consumer stores in one transaction")
    max_invalid_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5, description="a consumer stops when more of its topic's newest messages cannot be stored"
    )
    group_instance: str | None = Field(
        default=None, description="a consumer started again takes its partitions at once; one of each may run then"
    )


class ServiceSettings(_Settings):
    """How a long-running service tells that it gets on."""

    model_config = SettingsConfigDict(env_prefix="SERVICE_")
    progress_file: Path | None = Field(default=None, description="where it notes its progress; none: nowhere")
    stuck_seconds: PositiveInt = Field(default=60, description="with work to do and none done for so long: unhealthy")


class YahooSettings(_Settings):
    """How the source is asked: politely, and by which way."""

    model_config = SettingsConfigDict(env_prefix="YAHOO_")
    pace_seconds: NonNegativeFloat = Field(default=1.0, description="between two requests of this machine")
    slow_pace_seconds: NonNegativeFloat = Field(default=2.5, description="after a holdings or profile request")
    daily_budget: PositiveInt = Field(default=2000, description="requests a day, all programs together")
    timeout_seconds: PositiveFloat = 20.0
    workers: PositiveInt = Field(default=2, description="instruments fetched at once")
    proxy: str | None = Field(default=None, description="replay only: http://127.0.0.1:8056")
    ca_file: Path | None = Field(default=None, description="replay only: its certificate authority")
    cache_dir: Path = Field(default=Path("var/cache/yfinance"), description="cookies and time zones")
    max_retries: NonNegativeInt = Field(default=2, description="further tries of a request whose failure may pass")
    cooldown_seconds: PositiveFloat = Field(
        default=300.0, description="pause after the day's first 429; further ones: 3, 6, 12 times as long"
    )


class PlatformSettings(_Settings):
    """What holds for the whole platform."""

    model_config = SettingsConfigDict(env_prefix="PLATFORM_")
    now_url: str | None = Field(default=None, description="replay only: where programs take the time from")
    settle_minutes: NonNegativeInt = Field(default=20, description="a session counts this long after its close")
    is_demo: bool = Field(default=False, description="the market is invented")
    market: str = Field(default="yahoo", description="yahoo, demo or replay-<name>")


class LogSettings(_Settings):
    """How much programs and the API tell of what they do."""

    model_config = SettingsConfigDict(env_prefix="LOG_")
    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(str.upper)] = "INFO"


# The DAG of the daily pipeline.
CONTROLLER = "daily_pipeline_controller"


class PipelineSettings(_Settings):
    """How the daily stages follow each other."""

    model_config = SettingsConfigDict(env_prefix="PIPELINE_")
    stage_gap_minutes: NonNegativeInt = Field(default=60, description="pause of the controller after stages 1 and 3")
    late_minutes: PositiveInt = Field(
        default=180, description="the controller is late this long after it began, pauses not counted"
    )
    deadline_minutes: PositiveInt = Field(default=90, description="a failure retried this long counts as for good")
    give_up_minutes: PositiveInt = Field(default=360, description="how long a task waits for results or a gap")
    retry_seconds: PositiveInt = Field(default=60, description="pause before a failed task's first retry; then doubled")
    poke_seconds: Annotated[int, Field(ge=10)] = Field(
        default=30, description="pause between two looks of a waiting task; Airflow fails those that look more often"
    )
    dashboard_url: str = Field(default="http://127.0.0.1:8050", description="where a task's link leads")
    lock_timeout_s: PositiveInt = Field(default=600, description="how long a program waits for another of its kind")


class AlertSettings(_Settings):
    """Whom to tell when something is wrong, and when data are too old."""

    model_config = SettingsConfigDict(env_prefix="ALERT_")
    urls: SecretStr = Field(default=SecretStr(""), description="apprise addresses, separated by spaces; none: the log")
    check_seconds: PositiveInt = Field(default=60, description="pause between two looks")
    stale_hours: PositiveInt = Field(
        default=18, description="portfolios are too old when the next session closed this long ago"
    )


class SparkSettings(_Settings):
    """Where Spark runs and what it may use."""

    model_config = SettingsConfigDict(env_prefix="SPARK_")
    master_url: str = "local[2]"
    driver_memory: str = "768m"
    jdbc_jar: Path = Field(description="PostgreSQL's JDBC driver")
    shuffle_partitions: PositiveInt = 2
    executor_memory: str = "640m"
    executor_cores: PositiveInt = Field(default=2, description="of a cluster, all executors of a job together")
    class_archive: Path | None = Field(default=None, description="class-data archive that halves start-up")


class ApiSettings(_Settings):
    """The REST API."""

    model_config = SettingsConfigDict(env_prefix="API_")
    pool_size: PositiveInt = 8
    fresh_hours: PositiveInt = Field(
        default=18, description="a result is current until the next session closed this long ago"
    )
    rate_per_minute: NonNegativeInt = Field(default=6000, description="requests of one key in a minute; 0: any number")
    cache_mb: NonNegativeInt = Field(
        default=16, description="memory for answers, kept until something is written; 0: none is kept"
    )


class DashboardSettings(_Settings):
    """The dashboard: reaches data over HTTP only."""

    model_config = SettingsConfigDict(env_prefix="DASHBOARD_")
    api_url: str = "http://127.0.0.1:8000"
    api_key: SecretStr
    api_docs_url: str | None = Field(default=None, description="where readers find the API's documentation")
    cache_dir: Path = Field(
        default=Path("var/cache/dashboard"), description="last good answers, for when the API is away"
    )


class MaintenanceSettings(_Settings):
    """What the weekly maintenance keeps, and where backups go. Days are calendar days."""

    model_config = SettingsConfigDict(env_prefix="MAINTENANCE_")
    details_days: PositiveInt = Field(
        default=90, description="items of runs, dead letters dealt with, days of the source's budget"
    )
    runs_days: PositiveInt = Field(default=400, description="runs that nothing needs, closed incidents")
    findings_days: PositiveInt = Field(default=180, description="findings of severity info")
    log_days: PositiveInt = Field(default=30, description="logs of Airflow's tasks")
    doubt_days: PositiveInt = Field(default=14, description="a doubt open for longer is a finding")
    backup_dir: Path | None = Field(
        default=None, description="where backups go; default: backups/ in the market's folder"
    )
    backup_keep: PositiveInt = Field(default=8, description="newest backups that are kept")
    pg_bin: Path | None = Field(default=None, description="folder of pg_dump and pg_restore; default: found by itself")


def variables() -> dict[str, tuple[type[BaseSettings], str]]:
    """Every variable that a class above reads: the class, and the field it fills.

    >>> variables()["KAFKA_BATCH_MESSAGES"]
    (<class 'config.settings.KafkaSettings'>, 'batch_messages')
    """
    return {
        f"{kind.model_config.get('env_prefix', '')}{field}".upper(): (kind, field)
        for kind in _Settings.__subclasses__()
        for field in kind.model_fields
    }


S = TypeVar("S", bound=BaseSettings)


def load(kind: type[S]) -> S:
    """Settings of one concern, from the environment.

    Raises SystemExit(2) with one line that names each wrong or missing variable.
    """
    try:
        return kind()
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        problems = "; ".join(
            f"{prefix}{'_'.join(map(str, item['loc']))}".upper() + f": {item['msg'].lower()}" for item in error.errors()
        )
        print(f"settings: {problems}", file=sys.stderr)
        raise SystemExit(2) from None
