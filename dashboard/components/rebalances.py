"""What each strategy bought when, what it cost and earned (rules 8)."""

from collections.abc import Mapping

from dash import html

from dashboard import formats
from dashboard.address import Address
from dashboard.components import grid
from dashboard.data import Json
from dashboard.texts import Words

NEWEST_REBALANCES = 10
REBALANCES_PHONE = ("strategy", "bought_on", "return_pct", "benchmark_return_pct")


def rebalance_rows(answers: Mapping[str, Json], t: Words, *, newest: int | None, is_to_newest: bool) -> list[grid.Row]:
    """Purchases, newest first; with several strategies the newest few of each. is_to_newest: the range is open."""
    rows = [
        rebalance_row(strategy, row, body["end_date"] if is_to_newest else None, t)
        for strategy, body in answers.items()
        for row in body["rebalances"][:newest]
    ]
    return sorted(rows, key=lambda row: str(row["bought_on"]), reverse=True)


def rebalance_row(strategy: str, row: Json, newest: str | None, t: Words) -> grid.Row:
    """One purchase: raw values to sort by, and under `shown` what is read. newest: the session that is now, if known.

    Without a successor it may have ended, too: a simulated one when live ones began, any where the range ends.
    """
    is_held = row["origin"] == "live" and not row["is_completed"] and row["held_to"] == newest
    excess = row["return_pct"] - row["benchmark_return_pct"]
    held = " · ".join(f"{ticker} {formats.number(100 * weight, 1)}" for ticker, weight in row["weights"].items())
    percents = {name: 100 * row[name] for name in ("turnover", "cost")}  # a filter compares with what is read
    changes = {
        "return_pct": row["return_pct"],
        "benchmark_return_pct": row["benchmark_return_pct"],
        "excess_pp": excess,
    }
    return {
        "strategy": t(f"strategy.{strategy}"),
        "origin": t(f"origin.{row['origin']}"),
        "as_of_date": row["as_of_date"],
        "bought_on": row["bought_on"],
        "held_to": row["held_to"],
        "positions": row["positions"],
        **percents,
        **changes,
        "weights": held or t("rebalance.cash"),
        "shown": {
            "held_to": t("rebalance.open") if is_held else row["held_to"],
            "turnover": formats.number(percents["turnover"], 1),
            "cost": formats.number(percents["cost"], 3),
            **{name: formats.signed(value) for name, value in changes.items()},
        },
        "way": {name: formats.direction(value) for name, value in changes.items()},
    }


def rebalances(answers: Mapping[str, Json], address: Address, t: Words) -> html.Section:
    """What was bought when, what it cost and earned; of several strategies the newest of each."""
    is_one = address["strategy"] != "all"
    rows = rebalance_rows(answers, t, newest=None if is_one else NEWEST_REBALANCES, is_to_newest=not address["to"])
    about = t("rebalances.of", s=t(f"strategy.{address['strategy']}")) if is_one else ""
    columns = rebalance_columns(t)
    return html.Section(
        [
            html.Div(
                [
                    html.H2([t("rebalances"), html.Small(about or t("rebalances.newest", n=NEWEST_REBALANCES))]),
                    grid.tools("rebalances", columns, address, t, csv=f"/download/rebalances.csv?{address.query()}"),
                ],
                className="strip-line",
            ),
            grid.grid(
                name="rebalances",
                label=t("rebalances"),
                columns=columns,
                rows=rows,
                address=address,
                phone_columns=REBALANCES_PHONE,
                t=t,
            ),
        ],
        className="rebalances",
    )


def rebalance_columns(t: Words) -> list[grid.Column]:
    """Columns of the purchases."""
    return [
        grid.text("strategy", t("rebalance.strategy"), 76),
        grid.text("origin", t("rebalance.origin"), 92),
        grid.text("bought_on", t("rebalance.bought_on"), 104, minWidth=96, sort="desc"),
        grid.text("held_to", t("rebalance.held_to"), 104, valueFormatter=grid.SHOWN),
        grid.text("as_of_date", t("rebalance.as_of_date"), 104),
        grid.figure("positions", t("rebalance.positions"), 76),
        grid.figure("turnover", t("rebalance.turnover"), 96),
        grid.figure("cost", t("rebalance.cost"), 84),
        grid.change(
            "return_pct", t("rebalance.return_pct"), 124, minWidth=104, headerTooltip=t("define.rebalance.return_pct")
        ),
        grid.change("benchmark_return_pct", t("rebalance.benchmark_return_pct"), 88, minWidth=80),
        grid.change("excess_pp", t("rebalance.excess_pp"), 108),
        grid.text("weights", t("rebalance.weights"), 240, minWidth=180, flex=1, tooltipField="weights"),
    ]
