"""Tables: AG Grid, one builder for all. A cell shows `row["shown"][column]`, written by `dashboard.formats`; the raw
value beside it sorts and filters."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
from dash import html

from dashboard.components.parts import attrs
from dashboard.texts import Words

Column = dict[str, Any]
Row = dict[str, Any]
ROW_PX, PHONE_ROW_PX, HEAD_PX = 28, 44, 32

SHOWN = {"function": "actShown(params)"}


def text(field: str, heading: str, width: int, **more: Any) -> Column:
    """A column of words, left."""
    return {"field": field, "headerName": heading, "width": width, "filter": "agTextColumnFilter", **more}


def figure(field: str, heading: str, width: int, **more: Any) -> Column:
    """A column of numbers, right; largest first at the first click."""
    return {
        "field": field,
        "headerName": heading,
        "width": width,
        "filter": "agNumberColumnFilter",
        "cellClass": "num",
        "headerClass": "num",
        "sortingOrder": ["desc", "asc", None],
        "valueFormatter": SHOWN,
        "comparator": {"function": "actNullsLast"},
        **more,
    }


def change(field: str, heading: str, width: int, **more: Any) -> Column:
    """A signed number with its arrow, red up, blue down."""
    return figure(field, heading, width, cellRenderer="ActChange", **more)


def grid(
    *,
    name: str,
    label: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    t: Words,
    pinned_bottom: Sequence[Row] = (),
    row_classes: Mapping[str, str] | None = None,
    phone_columns: Sequence[str] = (),
) -> html.Div:
    """A table named for readers of names. `phone_columns`: what stays on a phone; `row_classes`: class → condition."""
    options = {
        "theme": {"function": "actTheme(themeQuartz)"},
        "domLayout": "autoHeight",
        "headerHeight": HEAD_PX,
        "getRowHeight": {"function": "actRowHeight(params)"},
        "ensureDomOrder": True,
        "suppressColumnVirtualisation": True,
        "suppressMovableColumns": True,
        "suppressDragLeaveHidesColumns": True,
        "enableCellTextSelection": True,
        "animateRows": False,
        "tooltipShowDelay": 300,
        "getLocaleText": {"function": f"actLocale(params, '{t.lang}')"},
        "tabToNextCell": {"function": "actLeave(params)"},
        "tabToNextHeader": {"function": "actLeave(params)"},
        "pinnedBottomRowData": list(pinned_bottom),
    }
    return html.Div(
        dag.AgGrid(
            id=name,
            columnDefs=list(columns),
            rowData=list(rows),
            defaultColDef={"resizable": True, "sortable": True},
            dashGridOptions=options,
            rowClassRules=dict(row_classes or {}),
            className="grid",
            style={"width": "100%"},
        ),
        className="grid-box",
        role="region",
        **attrs(aria_label=label, data_phone_columns=",".join(phone_columns), data_grid=name),
    )
