# ruff: noqa: INP001  a part of mkdocs.yml, not a package
"""What the site has beyond the pages in docs/: the files of the repository that pages link to.

The same links work on a code host and in the site: a link out of docs/ leads to a copy below
`repository/`, in which files that are no pages are shown as code.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from urllib.parse import urlsplit

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
FOLDER = "repository"
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_LANGUAGES = {
    ".py": "python",
    ".json": "json",
    ".yml": "yaml",
    ".yaml": "yaml",
    ".toml": "toml",
    ".service": "ini",
    ".socket": "ini",
    ".example": "sh",
}
_SIZE_MOST = 200_000  # characters; a longer file is data, and nobody reads it as a page


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add every file that the navigation or a page names, and what those link to in turn."""
    waiting = [ROOT / "docs" / file.src_uri for file in files.documentation_pages()]
    waiting += [ROOT / each for each in map(_place, _listed(config.nav)) if each is not None]
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        if not path.is_relative_to(ROOT / "docs"):
            files.append(File.generated(config, _uri(path), content=_page(path)))
        if path.suffix == ".md":
            links = _LINK.findall(path.read_text(encoding="utf-8"))
            waiting += [there for _, to, _ in links if (there := _outside(path, to)) is not None]
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to files outside docs/ to their copies, and those of the copies back."""
    del config, files
    here = page.file.src_uri
    place = _place(here)
    if place is None:
        return markdown

    def follow(link: re.Match[str]) -> str:
        path, hash_, anchor = link[2].partition("#")
        if not path or urlsplit(link[2]).scheme:
            return link[0]
        there = Path(posixpath.normpath(posixpath.join(place.parent.as_posix(), path)))
        if not (ROOT / there).is_file():
            return link[0]  # the build says so
        uri = _uri(ROOT / there)
        relative = posixpath.relpath(uri, posixpath.dirname(here) or ".")
        return f"{link[1]}{relative}{hash_}{anchor}{link[3]}"

    return _LINK.sub(follow, markdown)


def _listed(nav: object) -> list[str]:
    """Return the pages that the navigation names."""
    match nav:
        case str():
            return [nav]
        case dict():
            return [each for value in nav.values() for each in _listed(value)]
        case list():
            return [each for value in nav for each in _listed(value)]
    return []


def _outside(page: Path, target: str) -> Path | None:
    """Return the file a link leads to if that is in the repository and not in docs/."""
    name = target.partition("#")[0]
    if not name or urlsplit(target).scheme:
        return None
    there = (page.parent / name).resolve()
    if not there.is_file() or not there.is_relative_to(ROOT):
        return None
    return None if there.is_relative_to(ROOT / "docs") else there


def _uri(path: Path) -> str:
    """Return where a file of the repository is in the site."""
    place = path.relative_to(ROOT)
    if place.parts[0] == "docs":
        return place.relative_to("docs").as_posix()
    copy = f"{FOLDER}/{place.as_posix()}"
    return copy if place.suffix == ".md" else f"{copy}.md"


def _place(uri: str) -> Path | None:
    """Return where a page of the site is in the repository; None if it is not there."""
    if not uri.startswith(f"{FOLDER}/"):
        return Path("docs") / uri
    copy = Path(uri).relative_to(FOLDER)
    for place in (copy, copy.with_suffix("")):
        if (ROOT / place).is_file():
            return place
    return None


def _page(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    if len(text) > _SIZE_MOST:
        text = text[:_SIZE_MOST] + "\n…\n"
    name = path.relative_to(ROOT).as_posix()
    language = _LANGUAGES.get(path.suffix, "text")
    return f"# {name}\n\n`````{language}\n{text.rstrip()}\n`````\n"
