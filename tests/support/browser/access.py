"""What a page owes everybody: contrast, names, and no scrolling sideways."""

from playwright.sync_api import Page

# Ratio of the colours of a text and of the nearest painted ground below it, as WCAG 2 computes it.
CONTRASTS = """() => {
    const luminance = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
        return .2126 * x + .7152 * y + .0722 * z;
    };
    const numbers = colour => (colour.match(/[\\d.]+/g) ?? []).map(Number);
    const ground = element => {
        for (let one = element; one; one = one.parentElement) {
            const [r, g, b, a = 1] = numbers(getComputedStyle(one).backgroundColor);
            if (a > 0) return [r, g, b];
        }
        return [255, 255, 255];
    };
    const found = [];
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
        const seen = element.checkVisibility() && element.getBoundingClientRect().width > 1;
        if (!own || !seen || element.closest("svg, option, .hidden, .skip")) continue;
        const two = [luminance(numbers(getComputedStyle(element).color)), luminance(ground(element))];
        const ratio = (Math.max(...two) + .05) / (Math.min(...two) + .05);
        found.push({text: element.textContent.trim().slice(0, 40), ratio});
    }
    return found;
}"""
NAMELESS = """all => all.filter(one => !(one.ariaLabel || one.labels?.length
    || one.textContent.trim() && !one.matches('input, select, textarea'))).map(one => one.outerHTML)"""
CUT = """(all, width) => all.filter(one => one.checkVisibility() && !one.closest('.hidden, pre, table, svg')
    && one.getBoundingClientRect().right > width + 1).map(one => one.outerHTML.slice(0, 80))"""


def too_faint(page: Page) -> list[dict[str, object]]:
    """Return the texts whose contrast to their background is less than 4.5 to 1."""
    found: list[dict[str, object]] = page.evaluate(CONTRASTS)
    assert len(found) > 5
    return [text for text in found if float(str(text["ratio"])) < 4.5]


def nameless(page: Page) -> list[str]:
    """What can be used and has no name for those who cannot see it."""
    found: list[str] = page.locator("button, a, input, select, textarea, summary").evaluate_all(NAMELESS)
    return found


def too_wide(page: Page, width: int) -> list[str]:
    """What is cut off at the right, or makes the page scroll sideways."""
    scroll = page.evaluate("document.documentElement.scrollWidth")
    cut: list[str] = page.locator("body *").evaluate_all(CUT, width)
    return cut if scroll <= width else [f"{scroll} wide", *cut]
