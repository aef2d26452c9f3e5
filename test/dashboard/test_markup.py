"""What a component becomes as HTML, held against what a browser would make of the component."""

import re
from typing import Any

import pytest
from dash import dcc, html

from dashboard.components.markup import inner_html, lightened
from dashboard.components.parts import attrs


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (["a", html.Br(), 2.5, None, "b"], "a<br>2.5b"),
        (html.B("<script>alert('&')</script>"), "<b>&lt;script&gt;alert('&amp;')&lt;/script&gt;</b>"),
        (html.A("x", href='/?a=1&b="2"'), '<a href="/?a=1&amp;b=&quot;2&quot;">x</a>'),
        (
            html.Td("x", colSpan=2, className="num wide", tabIndex="0"),
            '<td colspan="2" class="num wide" tabindex="0">x</td>',
        ),
        (html.Label("x", htmlFor="date"), '<label for="date">x</label>'),
        (html.P("x", hidden=True), '<p hidden="">x</p>'),
        (html.P("x", hidden=False, title=None), "<p>x</p>"),
        (
            html.Button("x", n_clicks=0, **attrs(aria_pressed="false", data_value="5")),
            '<button aria-pressed="false" data-value="5">x</button>',
        ),
        (html.I(style={"backgroundColor": "red", "--part": 3}), '<i style="background-color: red; --part: 3"></i>'),
        ([[html.Dt("a"), html.Dd("b")], (html.Dt("c"),)], "<dt>a</dt><dd>b</dd><dt>c</dt>"),
        (html.P(["한 ", html.Em("글"), "."]), "<p>한 <em>글</em>.</p>"),
    ],
)
def test_an_element_is_written_as_a_browser_reads_it(content: Any, expected: str) -> None:
    found = inner_html(content)
    attributes = re.compile(r'[\w-]+="[^"]*"')  # in any order
    assert attributes.sub("", found) == attributes.sub("", expected)
    assert sorted(attributes.findall(found)) == sorted(attributes.findall(expected))


def test_what_a_callback_may_fill_stays_a_component_and_so_does_all_around_it() -> None:
    page = lightened(
        [
            html.Div(
                [html.P(html.B("above")), html.Section([html.P(html.B("in it"))], id="run"), dcc.Store(id="kept")]
            ),
            html.Ul([html.Li("one"), html.Li("two")], className="names"),
        ]
    )
    around, names = page
    above, filled, store = around.children
    assert (filled.id, filled.children[0].to_plotly_json()["props"]) == (
        "run",
        {"children": None, "data-html": "<b>in it</b>"},
    )
    assert above.to_plotly_json()["props"]["data-html"] == "<b>above</b>"
    assert isinstance(store, dcc.Store)
    assert names.to_plotly_json()["props"] == {
        "children": None,
        "className": "names",
        "data-html": "<li>one</li><li>two</li>",
    }


def test_words_alone_stay_as_they_are() -> None:
    assert lightened(html.P("5 < 7")).to_plotly_json()["props"] == {"children": "5 < 7"}
    assert lightened([None, "words", html.Hr()])[:2] == [None, "words"]


def test_a_part_that_is_lightened_twice_is_the_same() -> None:
    once = lightened(html.Div([html.P(["a ", html.B("b")]), html.Div(id="x")])).to_plotly_json()
    twice = lightened(lightened(html.Div([html.P(["a ", html.B("b")]), html.Div(id="x")]))).to_plotly_json()
    assert str(once) == str(twice)
