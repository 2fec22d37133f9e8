"""Reads a page as a browser would, and says what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "col", "wbr"}


@dataclass
class Page(HTMLParser):
    """Elements, attributes and text of a page, as they come."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    style: str = ""
    open: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if len(given) < len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice")
        self.elements.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All text."""
        return "".join(self.texts)

    def attribute(self, name: str) -> list[str]:
        """Values of an attribute, wherever it stands."""
        return [value or "" for _, given in self.elements for key, value in given.items() if key == name]


def read(text: str) -> Page:
    """The page, closed."""
    page = Page()
    page.feed(text)
    page.close()
    page.problems += [f"<{tag}> is not closed" for tag in page.open]
    return page
