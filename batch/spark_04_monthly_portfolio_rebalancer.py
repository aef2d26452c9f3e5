"""The monthly portfolio: the 5-, 10- and 20-session ones merged by rank (rules 5), on the last Sunday of a month.

    python batch/spark_04_monthly_portfolio_rebalancer.py
    python batch/spark_04_monthly_portfolio_rebalancer.py --rebalance-date 2026-01-25
    python batch/spark_04_monthly_portfolio_rebalancer.py --from 2025-07-01 --to 2026-01-31

Process in the ledger: monthly_rebalance. Of a range, every last Sunday of a month in it. Needs stage 5 of a session at
most seven days before.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from batch.frames import collected, ends_of, exchanges_of, first_bar_day, periods_of
from batch.headers import in_order
from batch.missing import NoReturn, note
from batch.stage import Asked, Stage, StageRun, batch_parser, run_batch, stage_run
from batch.transforms.rebalance import merge, monthly_reason, rank_and_weigh
from batch.transforms.returns import missing, period_returns, with_reach
from config.universe import (
    FIRST_RANK_OF_NEW,
    FOREIGN_BAR_REACH_DAYS,
    MONTHLY_INPUT_REACH_DAYS,
    MONTHLY_SCORES,
    MONTHLY_VALID_SESSIONS,
    PERIODS,
)
from database import extracts, portfolios, rebalances
from database.connection import Connection
from database.portfolios import Portfolio
from utils.arguments import parse_dates
from utils.clock import FIRST_COMPUTED, platform_now
from utils.program import UsageError
from utils.sessions import (
    close_of,
    last_sunday,
    last_sunday_at_or_before,
    last_sundays_between,
    next_session,
    session_at_or_before,
    session_offset,
)
from utils.spark import local_frame, read_query, spark_session

LONGEST = max(PERIODS)
Inputs = Mapping[date, rebalances.Input]


def main(argv: Sequence[str] | None = None) -> int:
    """Compute and publish the rebalances asked for."""
    asked = parse_rebalances(argv, today=platform_now().date())
    with stage_run(STAGE, asked) as run:
        inputs = in_reach(run)
        if inputs:
            with spark_session(STAGE.process, years_of_data=run.years_of_data, snapshot=run.snapshot) as spark:
                publish(run, inputs, rebalanced(spark, inputs))
    return run.exit_code


def parse_rebalances(argv: Sequence[str] | None, *, today: date) -> Asked:
    """--rebalance-date D (default: the newest last Sunday of a month), or --from and --to.

    Raises UsageError with one line for a future day, one before the calendar, one that is no last Sunday (unless
    --force), an empty range.
    """
    parser = batch_parser(
        __doc__, force="also on a day that is no last Sunday of a month, and again although nothing has changed"
    )
    given = parse_dates(parser, argv, one="--rebalance-date", what="day", default="the newest last Sunday of a month")
    asked_first = given.first or given.one
    if asked_first and asked_first < FIRST_COMPUTED:
        raise UsageError(f"{asked_first} is before the first day that can be computed, {FIRST_COMPUTED}")
    if given.first is None:
        rebalance_date = given.one or last_sunday_at_or_before(today)
        if rebalance_date > today:
            raise UsageError(f"--rebalance-date {rebalance_date} is in the future: today is {today}")
        if rebalance_date != last_sunday(rebalance_date) and not given.force:
            raise UsageError(
                f"--rebalance-date {rebalance_date} is not the last Sunday of its month, "
                f"{last_sunday(rebalance_date)}: add --force to rebalance on it"
            )
        return Asked(rebalance_date, force=given.force)
    if given.last > today:
        raise UsageError(f"--to {given.last} is in the future: today is {today}")
    sundays = last_sundays_between(given.first, given.last)
    if not sundays:
        raise UsageError(f"no month's last Sunday lies between {given.first} and {given.last}")
    return Asked(sundays[-1], sundays[0], given.force)


def in_reach(run: StageRun) -> Inputs:
    """Each rebalance's input. Raises MissingInput when D itself has none that is new enough."""
    found = rebalances.inputs(run.inputs, run.as_of_dates)
    usable = {}
    for day in run.as_of_dates:
        newest = found.get(day)
        if newest is not None and day - newest.as_of_date <= timedelta(days=MONTHLY_INPUT_REACH_DAYS):
            usable[day] = newest
        else:
            known = f"the newest is of {newest.as_of_date}" if newest else "there is none"
            run.impossible(
                day, f"no session of the {MONTHLY_INPUT_REACH_DAYS} days before has all three portfolios; {known}"
            )
    return usable


def rebalanced(spark: SparkSession, inputs: Inputs) -> DataFrame:
    """The positions of each rebalance, with what is `missing` of their 20 sessions: read, then rules 5."""
    sessions = sorted({each.as_of_date for each in inputs.values()})
    dates = local_frame(
        spark,
        [(day, each.as_of_date, valid_until(day)) for day, each in inputs.items()],
        "rebalance_date date, as_of_date date, valid_until date",
    )
    scores = local_frame(spark, list(MONTHLY_SCORES.items()), "source_periods string, score double")
    held = read_query(spark, extracts.positions(sessions)).join(F.broadcast(dates), on="as_of_date", how="inner")
    bars = read_query(spark, extracts.stock_bars(sessions, ends_of(sessions)))

    ranked = rank_and_weigh(merge(held, scores), longest=LONGEST, first_rank_of_new=FIRST_RANK_OF_NEW)
    longest = periods_of(spark, sessions).where(F.col("period_days") == LONGEST)
    wanted = held.select("ticker", "as_of_date").distinct().join(F.broadcast(longest), on="as_of_date", how="inner")
    returns = period_returns(with_reach(bars, exchanges_of(spark), reach_days=FOREIGN_BAR_REACH_DAYS), wanted)
    return (
        ranked.join(F.broadcast(dates), on="rebalance_date", how="inner")
        .join(
            returns.select("as_of_date", "ticker", F.col("return_pct").alias("return_20d"), "in_doubt"),
            on=["as_of_date", "ticker"],
            how="left",
        )
        .withColumn("allocation_reason", monthly_reason(F.col("source_periods"), F.col("as_of_date")))
        .select(
            "rebalance_date",
            *portfolios.MONTHLY.published,
            *portfolios.MONTHLY.known_today,
            missing(F.col("return_20d")),
        )
    )


def publish(run: StageRun, inputs: Inputs, positions: DataFrame) -> None:
    """Each rebalance, dates in portions, a portion in one transaction; names the stocks without a return."""
    for dates, (found,) in collected(list(inputs), positions, column="rebalance_date"):
        without = (
            NoReturn(inputs[day].as_of_date, row["ticker"], LONGEST, row["missing"])
            for day in dates
            for row in found[day]
            if row["missing"]
        )
        note(run, without)
        made = [portfolio(inputs[day], found[day]) for day in dates]
        portfolios.publish_monthly(run.connection, made, published_at=platform_now(), run_id=run.run.run_id)
        for each in made:
            run.stored(each.as_of_date, rows=1 + len(each.positions))


def portfolio(input_: rebalances.Input, positions: Sequence[Mapping[str, Any]]) -> Portfolio:
    """The rebalance with its header (rules 4, 5): what its inputs lacked, it lacks."""
    return Portfolio(
        strategy="monthly",
        as_of_date=input_.rebalance_date,
        next_close=close_of(next_session(input_.rebalance_date)),
        positions=positions,
        left_out=in_order(input_.left_out),
        holdings_oldest=input_.holdings_oldest,
        input_as_of_date=input_.as_of_date,
    )


def valid_until(rebalance_date: date) -> date:
    """The 20th session after it (rules 1).

    >>> valid_until(date(2026, 1, 25))
    datetime.date(2026, 2, 23)
    """
    return session_offset(session_at_or_before(rebalance_date), MONTHLY_VALID_SESSIONS)


def catch_up(_: Connection, _rebalance_date: date) -> list[date]:
    """Nothing: a rebalance that was missed is made by asking for it, as what a reader would have held is known then."""
    return []


def changed_since(connection: Connection, rebalance_date: date, since: datetime) -> bool:
    """Whether a portfolio or a bar that the rebalance was made of has changed."""
    oldest_input = session_at_or_before(rebalance_date - timedelta(days=MONTHLY_INPUT_REACH_DAYS))
    return rebalances.changed_since(connection, rebalance_date, first_bar_day(oldest_input), since)


STAGE = Stage("monthly_rebalance", catch_up, changed_since, last_sundays_between)

if __name__ == "__main__":
    run_batch(main)
