"""The page in a real browser: it asks for nothing, complains of nothing, fits a telephone, and axe finds nothing.

`apt-get install chromium` enables it, or DBSVC_TEST_CHROMIUM, which names one. DBSVC_TEST_AXE names `axe.min.js` of the npm
package axe-core: without that the page is not tested with it.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dbsvc.engine import Database
from dbsvc.engine.reports.page.render import render
from dbsvc.engine.reports.report import read_report
from tests.helpers import ROOT, load

CHROMIUM = os.environ.get("DBSVC_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
AXE = os.environ.get("DBSVC_TEST_AXE", "")
LOOK = """
<script>%s</script>
<script>
document.querySelectorAll("details").forEach(each => each.open = true);
const found = {wide: document.documentElement.scrollWidth - innerWidth, violations: []};
const tell = () => document.body.innerHTML = "<pre>" + JSON.stringify(found).replace(/[<&]/g, "") + "</pre>";
window.axe ? axe.run().then(run => {found.violations = run.violations.map(each => each.id); tell();}) : tell();
</script>
</body>
"""

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not CHROMIUM, reason="there is no Chromium: apt-get install chromium, or name one by DBSVC_TEST_CHROMIUM"
    ),
]


def browse(page: Path, folder: Path, *options: str) -> tuple[str, str]:
    """What a browser makes of a page, and what it says on the way."""
    ran = subprocess.run(
        [
            CHROMIUM,
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--dump-dom", "--enable-logging=stderr"),
            *("--virtual-time-budget=20000", f"--user-data-dir={folder / 'browser'}", *options, page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    return ran.stdout, ran.stderr


@pytest.fixture
def page(db: Database, tmp_path: Path) -> Path:
    for name in ("plants.csv", "usage.csv", "inverters.csv", "telemetry.jsonl"):
        load(db, ROOT / "samples" / name)
    path = tmp_path / "report.html"
    path.write_text(render(read_report(db, 28)))
    return path


@pytest.mark.one_database
def test_it_needs_nothing_and_complains_of_nothing(page: Path, tmp_path: Path) -> None:
    log = tmp_path / "net.json"
    shown, said = browse(page, tmp_path, f"--log-net-log={log}")
    assert "Is anything wrong?" in shown
    assert [line for line in said.splitlines() if "CONSOLE" in line] == []
    asked = {str(event.get("params", {}).get("url", "")) for event in json.loads(log.read_text())["events"]}
    assert [url for url in asked if page.name in url and not url.startswith("file:")] == []
    assert [url for url in asked if url.startswith("file:") and url != page.as_uri()] == []


@pytest.mark.one_database
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1024, 1920])
def test_it_fits_and_can_be_read_by_all(width: int, dark: bool, page: Path, tmp_path: Path) -> None:
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text())
    axe = Path(AXE).read_text() if AXE else ""
    page.write_text(text.replace("</body>", LOOK.replace("%s", axe.replace("</script", "<\\/script"))))
    shown, _ = browse(page, tmp_path, f"--window-size={width},900", f"--blink-settings=preferredColorScheme={0 if dark else 1}")
    told = re.search("<pre>(.*)</pre>", shown)
    assert told
    found = json.loads(html.unescape(told[1]))
    assert found == {"wide": 0, "violations": []}
