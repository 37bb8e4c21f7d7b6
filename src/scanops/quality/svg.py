"""SVG as text: small charts without a library, the same bytes for the same values."""

from __future__ import annotations

from markupsafe import Markup, escape

from scanops.quality.visible_text import visible


def element(name: str, *children: str, **attributes: object) -> Markup:
    """Write one element.

    Args:
        name: Tag.
        children: Markup stays, text is escaped.
        attributes: An underscore stands for a hyphen, a trailing one is dropped (`class_`); numbers are
            rounded to a tenth; None leaves the attribute out.

    Returns:
        The element.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = Markup("").join(
        child if isinstance(child, Markup) else escape(visible(child)) for child in children
    )
    return Markup(f"<{name}{written}>{inner}</{name}>")  # noqa: S704  (every part is escaped above)


def picture(width: float, height: float, description: str, *children: str) -> Markup:
    """Write a whole chart that scales with its place on the page.

    Args:
        width: Of the drawing, in its own units: about a pixel each.
        height: The same.
        description: What it shows, for those who cannot see it.
        children: Its elements.

    Returns:
        An `svg` element.
    """
    return element(
        "svg",
        *children,
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        aria_label=description,
    )


def rectangle(x: float, y: float, width: float, height: float, class_: str) -> Markup:
    """Write a rectangle.

    Args:
        x: Left edge.
        y: Upper edge.
        width: Of the rectangle.
        height: Of the rectangle.
        class_: Its class in the style sheet.

    Returns:
        A `rect` element.
    """
    return element("rect", x=x, y=y, width=width, height=height, class_=class_)


def line(start: tuple[float, float], end: tuple[float, float], class_: str) -> Markup:
    """Write a line.

    Args:
        start: x and y.
        end: x and y.
        class_: Its class in the style sheet.

    Returns:
        A `line` element.
    """
    return element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=class_)


def label(x: float, y: float, text: str, anchor: str = "middle") -> Markup:
    """Write a line of text.

    Args:
        x: Where the anchor stands.
        y: The base line.
        text: Escaped.
        anchor: `start`, `middle` or `end`.

    Returns:
        A `text` element.
    """
    return element("text", text, x=x, y=y, text_anchor=anchor)


def _value(value: object) -> str:
    return f"{round(value, 1):g}" if isinstance(value, int | float) else visible(str(value))
