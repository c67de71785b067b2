"""The documents as a site: it is built without a warning and without a network, and needs none."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[1]
NOBODY = "http://127.0.0.1:9"
"""The discard service: a proxy that is not there, for whoever would fetch something."""

FETCHING = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "object": "data",
}
FETCHED_LINKS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "manifest"}

# What the theme and Markdown make; anything else is a placeholder the browser would swallow.
ELEMENTS = {
    *("html", "head", "title", "meta", "link", "script", "body", "header", "footer", "main", "nav"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "div", "span", "a", "img", "br", "hr", "ul", "ol"),
    *("li", "dl", "dt", "dd", "pre", "code", "em", "strong", "del", "sub", "sup", "small", "table"),
    *("thead", "tbody", "tr", "th", "td", "blockquote", "article", "aside", "section", "form"),
    *("input", "label", "button", "svg", "path", "dialog", "noscript", "details", "summary"),
}


@attrs.define(eq=False)
class Facts:
    """What stands in a page."""

    elements: set[str] = attrs.field(factory=set)
    fetched: list[str] = attrs.field(factory=list)
    classes: set[str] = attrs.field(factory=set)
    links: list[str] = attrs.field(factory=list)
    anchors: set[str] = attrs.field(factory=set)
    words: list[str] = attrs.field(factory=list)


class PageReader(HTMLParser):
    """Collects the facts of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.facts = Facts()
        self._code = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        facts = self.facts
        facts.elements.add(tag)
        facts.classes.update(given.get("class", "").split())
        facts.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag in FETCHING and FETCHING[tag] in given:
            facts.fetched.append(given[FETCHING[tag]])
        if tag == "link" and FETCHED_LINKS & set(given.get("rel", "").split()):
            facts.fetched.append(given["href"])
        if tag == "a" and "href" in given:
            facts.links.append(given["href"])
        self._code += tag in {"pre", "script", "style", "code"}

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in {"pre", "script", "style", "code"}

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.facts.words.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    environ = {
        **os.environ,
        "http_proxy": NOBODY,
        "https_proxy": NOBODY,
        "NO_MKDOCS_2_WARNING": "yes",  # the theme's opinion of another program's future
    }
    built = subprocess.run(
        [*command, "--site-dir", str(folder)],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Facts]:
    read = {}
    for path in sorted(site.rglob("*.html")):
        reader = PageReader()
        reader.feed(path.read_text(encoding="utf-8"))
        read[path.relative_to(site).as_posix()] = reader.facts
    return read


def is_elsewhere(url: str) -> bool:
    return re.match(r"(https?:)?//", url) is not None


def test_every_page_of_the_docs_is_in_the_site(pages: dict[str, Facts]) -> None:
    written = {
        path.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        for path in (ROOT / "docs").rglob("*.md")
        if "site" not in path.parts
    }
    assert {name.replace("README.html", "index.html") for name in written} <= set(pages)


def test_nothing_is_fetched_from_elsewhere(pages: dict[str, Facts]) -> None:
    fetched = {
        name: [each for each in facts.fetched if is_elsewhere(each)]
        for name, facts in pages.items()
    }
    assert {name: urls for name, urls in fetched.items() if urls} == {}
    assert any(facts.fetched for facts in pages.values())


def test_no_style_fetches_from_elsewhere(site: Path) -> None:
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert styles
    for style in styles:
        assert re.findall(r"""(?:@import|url\()\s*["']?(?:https?:)?//[^)]*""", style) == []


def test_nothing_has_the_theme_fetch_code_while_a_page_is_read(pages: dict[str, Facts]) -> None:
    """Its script would: for diagrams, and for the stars of a repository."""
    for name, facts in pages.items():
        assert not facts.classes & {"mermaid", "md-source"}, name


def test_no_placeholder_is_swallowed_as_an_element(pages: dict[str, Facts]) -> None:
    odd = {name: facts.elements - ELEMENTS for name, facts in pages.items()}
    assert {name: each for name, each in odd.items() if each} == {}


def test_no_markup_is_left_as_text(pages: dict[str, Facts]) -> None:
    """What a code host renders and this program does not: a fence in a list, a table, a link."""
    for name, facts in pages.items():
        text = "".join(facts.words)
        assert re.findall(r"```|\]\([^)]*\)|^\| .* \|$|\*\*\w", text, re.MULTILINE) == [], name


def test_no_list_falls_apart_or_into_a_paragraph(site: Path) -> None:
    """As one does whose items go on with three blanks, or follow a paragraph at once."""
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        lists = re.findall(r"<ol(?: start.*?)?>(.*?)</ol>", text, re.DOTALL)
        assert [each for each in lists if each.count("<li>") == 1] == [], path.name
        paragraphs = re.findall(r"<p>(.*?)</p>", text, re.DOTALL)
        assert [p for p in paragraphs if re.search(r"^(\d\.|-) ", p, re.MULTILINE)] == [], path.name


def test_every_link_leads_to_a_page_and_a_place_in_it(site: Path, pages: dict[str, Facts]) -> None:
    lost = []
    for name, facts in pages.items():
        if name == "404.html":
            continue
        for link in facts.links:
            if re.match(r"[a-z]+:", link):
                continue
            place, _, anchor = link.partition("#")
            there = (site / name).parent / place if place else site / name
            there = (there / "index.html" if there.is_dir() else there).resolve()
            if not there.is_file():
                lost.append((name, link))
            elif anchor and not anchor.startswith("__"):
                page = there.relative_to(site.resolve()).as_posix()
                if page in pages and anchor not in pages[page].anchors:
                    lost.append((name, link))
    assert lost == []


def test_the_search_works_from_a_folder(site: Path, pages: dict[str, Facts]) -> None:
    """Browsers read no JSON beside a page in a folder, but they run a script."""
    index = (site / "search/search_index.js").read_text(encoding="utf-8")
    found = json.loads(index.removeprefix("var __index = "))
    places = {each["location"].partition("#")[0] for each in found["docs"]}
    assert {name for name in pages if name != "404.html"} == places
    assert "site/assets/iframe-worker.js" in pages["index.html"].fetched


def test_what_is_no_page_is_left_out(site: Path) -> None:
    names = {path.suffix for path in site.rglob("*") if path.is_file()}
    assert not names & {".py", ".toml", ".md"}
