"""Tabs of our own markup: dbc's fail the accessibility check. act.js moves between them and writes the address."""

from dash import html

from dashboard.address import TABS, Address
from dashboard.components.parts import attrs
from dashboard.texts import Words


def tabs(address: Address, t: Words) -> html.Div:
    """One tab a period, and the link to just this."""
    copy = html.Button(t("copy_link"), className="button", **attrs(data_copy="true", data_done=t("copied")))
    return html.Div([tab_list(address, t), copy], className="tab-line")


def tab_list(address: Address, t: Words) -> html.Div:
    """The tabs themselves."""
    return html.Div(
        [
            html.Button(
                t(f"period.{name}"),
                id=f"tab-{name}",
                role="tab",
                tabIndex="0" if name == address.period else "-1",
                **attrs(
                    aria_selected="true" if name == address.period else "false",
                    aria_controls=f"panel-{name}",
                    data_period=name,
                ),
            )
            for name in TABS
        ],
        role="tablist",
        className="tabs",
        **attrs(aria_label=t("periods")),
    )
