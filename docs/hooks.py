"""What the site needs beyond docs/: folders in its navigation, the RUNBOOK and the chart, and links that lead there.

On a code host the pages link to ``../RUNBOOK.md``; in the site, such files stand at the top of docs/.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

OUTSIDE = ("RUNBOOK.md", "bench/load.svg")
DOCS = Path(__file__).parent


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of each folder into the navigation, its index first."""
    for entry in config.nav or []:
        for title, folder in entry.items() if isinstance(entry, dict) else ():
            pages = sorted((DOCS / folder).rglob("*.md"), key=lambda page: (page.name != "index.md", page))
            entry[title] = [str(page.relative_to(DOCS)) for page in pages]
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the files from outside of docs/."""
    for name in OUTSIDE:
        files.append(File.generated(config, name, abs_src_path=str(DOCS.parent / name)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to and from these files into links within the site."""
    if page.file.src_uri in OUTSIDE:
        return re.sub(r"\]\(docs/", "](", markdown)
    up = "../" * page.file.src_uri.count("/")
    return re.sub(rf"\]\({re.escape(up)}\.\./({'|'.join(map(re.escape, OUTSIDE))})", rf"]({up}\1", markdown)
