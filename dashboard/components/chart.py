"""Charts: Plotly, drawn by act-chart.js in the theme's colours, loaded when the first one is on a page.

A figure is a plain dict. Its colours are CSS variables of act.css, "var(--line-20)": a theme change asks nobody.
"""

import json
from typing import Any

import dash
from dash import html

from dashboard.components.parts import attrs

PLOTLY = "vendor/plotly-basic-4.1.1.min.js"
DECIMALS = 2
Trace = dict[str, Any]


def chart(
    *,
    name: str,
    label: str,
    summary: str,
    traces: list[Trace],
    layout: dict[str, Any] | None = None,
    height: int = 280,
    highlight: str = "",
) -> html.Div:
    """A chart with what it shows in a sentence. The heading that asks or answers something stands above it.

    highlight: a choice; the trace whose `name` is chosen is drawn thick and named at its end. height: pixels; a phone
    gets less by act.css.
    """
    figure = json.dumps({"data": traces, "layout": layout or {}}, separators=(",", ":"), ensure_ascii=False)
    return html.Div(
        [
            html.Div(
                id=f"chart-{name}",
                className="plot",
                role="img",
                style={"--plot-height": f"{height}px"},
                **attrs(
                    aria_label=label,
                    aria_describedby=f"chart-{name}-says",
                    data_figure=figure,
                    data_plotly=dash.get_asset_url(PLOTLY),  # type: ignore[no-untyped-call]
                    data_highlight=highlight,
                ),
            ),
            html.P(summary, id=f"chart-{name}-says", className="says"),
        ]
    )


def line(
    name: str, x: list[str], y: list[float | None], colour: str, *, width: float = 1.6, dash: str = "solid", **more: Any
) -> Trace:
    """A line; a None is a gap. colour: a variable of act.css, without var()."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": [None if value is None else round(value, DECIMALS) for value in y],
        "line": {"color": f"var(--{colour})", "width": width, "dash": dash},
        "connectgaps": False,
        **more,
    }
