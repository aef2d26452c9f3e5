"""Tables: AG Grid, one builder for all. A cell shows `row["shown"][column]`, written by `dashboard.formats`; the raw
value beside it sorts and filters."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
import dash_bootstrap_components as dbc
from dash import html

from dashboard import formats
from dashboard.address import Address
from dashboard.components import choices
from dashboard.components.parts import attrs, hidden
from dashboard.texts import Words

Column = dict[str, Any]
Row = dict[str, Any]
HEAD_PX, SCROLLED_PX = 32, 560
MOST_ROWS_WITHOUT_SCROLL = 60

SHOWN = {"function": "actShown(params)"}
SAYS_WHY = "ActFigure"  # the renderer of a figure that may be missing: row["why"][column] says why


def text(field: str, heading: str, width: int, **more: Any) -> Column:
    """A column of words, left.

    only: "cap=krw": seen with that value of a choice; `of` then is the row's field where it is another for each value.
    """
    placed = _placed(field, more)
    return {"headerName": heading, "width": width, "filter": "agTextColumnFilter", **placed}


def figure(field: str, heading: str, width: int, **more: Any) -> Column:
    """A column of numbers, right; largest first at the first click."""
    return {
        "headerName": heading,
        "width": width,
        "filter": "agNumberColumnFilter",
        "cellClass": "num",
        "headerClass": "num",
        "sortingOrder": ["desc", "asc", None],
        "valueFormatter": SHOWN,
        "comparator": {"function": "actNullsLast"},
        **_placed(field, more),
    }


def change(field: str, heading: str, width: int, **more: Any) -> Column:
    """A signed number with its arrow, red up, blue down."""
    return figure(field, heading, width, cellRenderer="ActChange", **more)


def _placed(field: str, more: Mapping[str, Any]) -> Column:
    """The column's id: act-grid.js reads in it with which choice it is seen."""
    rest = dict(more)
    only, of = rest.pop("only", None), rest.pop("of", field)
    return {"colId": f"{field}@{only}" if only else field, "field": of, **rest}


def signs(figures: Mapping[str, float | None], decimals: int = 2) -> Row:
    """`shown` and `way` of signed figures, to be joined with those of a row's other columns.

    >>> signs({"return_pct": -1.5})
    {'shown': {'return_pct': '−1.50'}, 'way': {'return_pct': 'down'}}
    """
    return {
        "shown": {name: formats.signed(value, decimals) for name, value in figures.items()},
        "way": {name: formats.direction(value, decimals) for name, value in figures.items()},
    }


def grid(
    *,
    name: str,
    label: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    address: Address,
    t: Words,
    pinned_bottom: Sequence[Row] = (),
    row_classes: Mapping[str, str] | None = None,
    phone_columns: Sequence[str] = (),
    narrow: Mapping[str, str] | None = None,
    opens: tuple[str, str] | None = None,
    keeps_order: bool = True,
) -> html.Div:
    """A table named for readers of names; its sort, filters and search words are those of the address.

    row_classes: class → condition. phone_columns: what stays on a phone. narrow: choice → the field that must have its
    value (several, by comma, are any of them). opens: (choice, field): a row that is clicked, or Enter, chooses.
    keeps_order: its order of rows is the page's, in the address.
    """
    options: dict[str, Any] = {
        "theme": {"function": "actTheme(themeQuartz)"},
        "domLayout": "autoHeight" if len(rows) <= MOST_ROWS_WITHOUT_SCROLL else "normal",
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
        "quickFilterText": address["q"],
        "includeHiddenColumnsInQuickFilter": True,
        "initialState": {"filter": {"filterModel": filters(columns, address)}},
    }
    classes = dict(row_classes or {})
    if opens:
        # not AG Grid's selection: dash-ag-grid fails when that comes before its first rendering is over
        classes["chosen"] = f"actIsChosen(params, '{opens[0]}', '{opens[1]}')"
    return html.Div(
        dag.AgGrid(
            id=name,
            columnDefs=[as_chosen(column, order(columns, address), address) for column in columns],
            rowData=list(rows),
            defaultColDef={"resizable": True, "sortable": True, "wrapHeaderText": True},
            dashGridOptions=options,
            rowClassRules=classes,
            className="grid",
            style={"width": "100%", **({} if len(rows) <= MOST_ROWS_WITHOUT_SCROLL else {"height": SCROLLED_PX})},
        ),
        className=f"grid-box {'opens' if opens else ''}".strip(),
        role="region",
        **attrs(
            aria_label=label,
            data_grid=name,
            data_phone_columns=",".join(phone_columns),
            data_narrow=" ".join(f"{choice}:{field}" for choice, field in (narrow or {}).items()),
            data_opens=":".join(opens or ()),
            data_default_sort=default_sort(columns),
            data_keeps_order="true" if keeps_order else "",
        ),
    )


def filters(columns: Sequence[Column], address: Address) -> dict[str, Any]:
    """Of the address's filters those of the columns."""
    given = json.loads(address["filter"] or "{}")
    return {column["colId"]: given[column["colId"]] for column in columns if column["colId"] in given}


def default_sort(columns: Sequence[Column]) -> str:
    """The order that an address without a word about it means."""
    found = (f"{column['colId'].partition('@')[0]}:{column['sort']}" for column in columns if column.get("sort"))
    return next(found, "")


def order(columns: Sequence[Column], address: Address) -> str:
    """The order that the address means: its own, where the table has such a column."""
    return address["sort"] if has_sorted(columns, address) else default_sort(columns)


def has_sorted(columns: Iterable[Column], address: Address) -> bool:
    """Whether the address orders by one of the columns."""
    field = address["sort"].partition(":")[0]
    return any(column["colId"].partition("@")[0] == field for column in columns)


def checked(address: Address, columns: Iterable[Column]) -> Address:
    """The address of a page whose tables have these columns; an order by another one is refused."""
    return address.refusing("sort") if address["sort"] and not has_sorted(columns, address) else address


def as_chosen(column: Column, ordered: str, address: Address) -> Column:
    """The column, hidden or sorted as the address says."""
    changed = dict(column)
    field, _, only = column["colId"].partition("@")
    if only:
        choice, _, value = only.partition("=")
        changed["hide"] = address[choice] != value
    sorted_field, _, direction = ordered.partition(":")
    changed["sort"] = direction if sorted_field == field and not changed.get("hide") else None
    return changed


def tools(
    name: str, columns: Sequence[Column], address: Address, t: Words, *, csv: str | Sequence[html.Span]
) -> html.Div:
    """What stands above a table: search, columns, CSV. `csv`: address of the download, or several as `downloads`."""
    seen: dict[str, str] = {}
    for column in columns:
        seen.setdefault(column["colId"].partition("@")[0], column["headerName"])
    return html.Div(
        [
            html.Button(t("clear_filters"), className="button clear", hidden=True, **attrs(data_clears=name)),
            html.Label(
                [
                    html.Span(t("search"), className="visually-hidden"),
                    dbc.Input(
                        id=f"search-{name}",
                        type="search",
                        placeholder=t("search"),
                        value=address["q"],
                        className="search",
                        persistence=False,
                    ),
                ],
                **attrs(data_searches=name),
            ),
            html.Details(
                [
                    html.Summary([t("columns"), " ▾"], className="button"),
                    html.Div(
                        [
                            html.Button(heading, **attrs(aria_pressed="true", data_column=field, data_of=name))
                            for field, heading in seen.items()
                            if heading
                        ],
                        role="group",
                        className="pop columns",
                        **attrs(aria_label=t("columns")),
                    ),
                ],
                className="menu",
            ),
            *([download(csv, t)] if isinstance(csv, str) else csv),
        ],
        className="tools",
    )


def downloads(choice: str, hrefs: Mapping[str, str], address: Address, t: Words) -> list[html.Span]:
    """A link for each value of a choice, seen with it: a choice is shown without asking the server."""
    return [html.Span(download(href, t), **choices.when(choice, value, address)) for value, href in hrefs.items()]


def download(href: str, t: Words, *, of: str = "") -> html.A:
    """A link to a table as the API gives it; `of`: which, where several stand side by side."""
    what = f"CSV {of}".strip()
    return html.A([what, hidden(t("download_csv"))], href=href, className="button", title=t("download_csv"))
