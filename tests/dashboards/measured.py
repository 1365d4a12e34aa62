"""Measurements of a page in Chromium: contrast, names of controls, the Tab key, colours under colour blindness."""

import io
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, cast

from PIL import Image
from playwright.sync_api import CDPSession, Locator, Page

MEASURES = Path(__file__).with_name("measures.js").read_text()
CONTRAST, CONTRAST_LARGE = 4.5, 3.0  # WCAG 2.1, 1.4.3
APART = 15.0  # CIE76 distance of two colours that mean different things; 2.3 can just be seen side by side
BLIND = ("none", "deuteranopia", "protanopia", "tritanopia")
MOST_TABS = 600
CONTROLS = frozenset(
    ("button", "link", "textbox", "combobox", "checkbox", "switch", "slider", "spinbutton", "tab", "radio", "searchbox")
)


def measure(page: Page, name: str, argument: object = None) -> Any:
    """The answer of a function of measures.js."""
    return page.evaluate(f"(argument) => {MEASURES.strip()}.{name}(argument)", argument)


def pale(page: Page) -> list[str]:
    """Texts with too little contrast."""
    return cast("list[str]", measure(page, "texts", [CONTRAST, CONTRAST_LARGE]))


def wider(page: Page) -> list[str]:
    """How far the page reaches beyond the window, if it does."""
    beyond = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return [f"{beyond} pixels"] if beyond > 0 else []


def nameless(session: CDPSession) -> list[str]:
    """Controls without a name in Chromium's accessibility tree."""
    found = []
    for node in session.send("Accessibility.getFullAXTree")["nodes"]:
        role, name = node.get("role", {}).get("value"), node.get("name", {}).get("value", "")
        if not node.get("ignored") and role in CONTROLS and not str(name).strip():
            described = session.send("DOM.describeNode", {"backendNodeId": node["backendDOMNodeId"]})["node"]
            found.append(f"{role} <{described['localName']} {' '.join(described.get('attributes', []))[:150]}>")
    return found


def unreached(page: Page) -> list[str]:
    """Controls that neither Tab nor Shift+Tab comes to. A table that is drawn anew while it has the focus loses it, and Tab
    goes on behind what follows: the way back comes to that.
    """
    for key in ("Tab", "Shift+Tab"):
        measure(page, "begin")
        again = 0
        for _ in range(MOST_TABS):
            page.keyboard.press(key)
            reached = measure(page, "reached")
            again = 0 if reached == "new" else again + (reached == "again")
            if again > (4 if key == "Tab" else 40):  # once around
                break
        if not measure(page, "unreached"):
            break
    return cast("list[str]", measure(page, "unreached"))


def lab(pixel: Sequence[int]) -> tuple[float, float, float]:
    """CIE L*a*b* of an sRGB pixel, under D65."""
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in (part / 255 for part in pixel))
    x, y, z = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089,
    )
    first, second, third = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
    return 116 * second - 16, 500 * (first - second), 200 * (second - third)


def distance(one: Sequence[int], other: Sequence[int]) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(lab(one), lab(other), strict=True)) ** 0.5)


def middle(page: Page, mark: Locator) -> tuple[int, int, int]:
    """The pixel in the middle of a mark, as it is seen."""
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    assert box is not None
    clip: Any = {"x": box["x"] + box["width"] / 2 - 1, "y": box["y"] + box["height"] / 2 - 1, "width": 2, "height": 2}
    image = Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")
    return cast("tuple[int, int, int]", image.getpixel((1, 1)))


def too_close(page: Page, session: CDPSession) -> list[str]:
    """Entries of one legend whose colours are near one another under a simulation, and whose shapes are equal."""
    found = []
    for chart in page.get_by_test_id("stVegaLiteChart").all():
        marks = chart.locator(".role-legend-symbol path").all()
        shapes = [mark.get_attribute("d") for mark in marks]
        names = chart.locator(".role-legend-label text").all_text_contents()
        for kind in BLIND:
            session.send("Emulation.setEmulatedVisionDeficiency", {"type": kind})
            seen = [middle(page, mark) for mark in marks]
            for one, other in combinations(range(len(marks)), 2):
                apart = distance(seen[one], seen[other])
                if apart < APART and shapes[one] == shapes[other]:
                    found.append(f"{kind}: {names[one]} and {names[other]} are {apart:.1f} apart")
        session.send("Emulation.setEmulatedVisionDeficiency", {"type": "none"})
    return found
