"""Parts that no callback touches go to the browser as HTML, not as components.

Dash tells each component of a page about every other that comes: the browser's work for a tab grows with the product of
both. A few dozen of its parts have to be components: tables, charts, what has an id.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any
from xml.etree.ElementTree import Element, tostring

from dash.development.base_component import Component

HTML = "dash_html_components"
NAMES = {"className": "class", "htmlFor": "for"}  # all others are those of HTML, in lower case
NOT_ATTRIBUTES = ("children", "key", "n_clicks", "n_clicks_timestamp", "disable_n_clicks")


def lightened(part: Any) -> Any:
    """The part, a component or a list of them, with `data-html` in place of components; act.js makes elements of that.

    What has an id stays a component, as callbacks may fill it, and so does all that it stands in.

    >>> from dash import html
    >>> print(lightened(html.P(["up ", html.B("5 < 7", className="num", hidden=True)])))
    P(data-html='up <b class="num" hidden="">5 &lt; 7</b>')
    >>> print(lightened(html.Div([html.P("kept", id="run"), html.P(html.B("not kept"))])))
    Div([P(children='kept', id='run'), P(data-html='<b>not kept</b>')])
    """
    staying: set[int] = set()
    _note_staying(part, staying)
    return _lightened(part, staying)


def _lightened(part: Any, staying: set[int]) -> Any:
    if isinstance(part, list | tuple):
        return [_lightened(each, staying) for each in part]
    if not isinstance(part, Component):
        return part
    below = getattr(part, "children", None)
    if id(part) in staying:
        if below is not None:
            part.children = _lightened(below, staying)
    elif any(isinstance(each, Component) for each in _each(below)):
        setattr(part, "data-html", inner_html(below))
        part.children = None
    return part


def _note_staying(content: Any, staying: set[int]) -> bool:
    """Add the id() of every component that is no element of HTML, has an id, or has such a one in it; each is looked at
    once. Whether there was any.
    """
    found = False
    for part in _each(content):
        if isinstance(part, Component):
            below = _note_staying(getattr(part, "children", None), staying)
            if below or part._namespace != HTML or getattr(part, "id", None) is not None:
                staying.add(id(part))
                found = True
    return found


def inner_html(content: Any) -> str:
    """The content of an element, escaped."""
    whole = _filled(Element("body"), content)
    return tostring(whole, encoding="unicode", method="html")[len("<body>") : -len("</body>")]


def _filled(element: Element, content: Any) -> Element:
    for each in _each(content):
        if isinstance(each, Component):
            made = Element(each._type.lower(), dict(_attributes(each)))
            element.append(_filled(made, getattr(each, "children", None)))
        elif len(element):
            element[-1].tail = f"{element[-1].tail or ''}{each}"
        else:
            element.text = f"{element.text or ''}{each}"
    return element


def _each(content: Any) -> Iterator[Any]:
    """The content's parts, one after another; nothing is none."""
    if isinstance(content, list | tuple):
        return chain.from_iterable(map(_each, content))
    return iter(() if content is None else (content,))


def _attributes(component: Component) -> Iterator[tuple[str, str]]:
    properties: dict[str, Any] = component.to_plotly_json()["props"]  # type: ignore[no-untyped-call]
    for name, value in properties.items():
        if name == "style":
            yield name, "; ".join(f"{_css_name(each)}: {given}" for each, given in value.items())
        elif value is not None and value is not False and name not in NOT_ATTRIBUTES:
            yield NAMES.get(name, name.lower()), "" if value is True else str(value)


def _css_name(name: str) -> str:
    """
    >>> _css_name("backgroundColor"), _css_name("--part")
    ('background-color', '--part')
    """
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
