"""Ask whether a vulnerability is known in what the image is made of: `just audit`, and CI.

Where nobody can be asked (no network, or a registry that does not know), that is said, and is no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PINNED = Path(__file__).with_name("requirements.txt")
PATIENCE = 60  # seconds


def main() -> int:
    """Ask, and say what was answered. Returns 1 if a vulnerability is known."""
    asking = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--timeout=5", "-f", "json", "-r", PINNED]
    try:
        ran = subprocess.run(asking, capture_output=True, text=True, timeout=PATIENCE, check=False)
        found = json.loads(ran.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError) as error:
        print(f"audit: skipped, nobody could be asked ({type(error).__name__}).")
        return 0
    unknown = [each["name"] for each in found if "skip_reason" in each]
    bad = [f"{each['name']} {each['version']}: {each['vulns'][0]['id']}" for each in found if each.get("vulns")]
    print(f"audit: {len(found)} packages, {len(unknown)} skipped (not known where we asked), {len(bad)} with vulnerabilities.")
    print(*bad, sep="\n", end="\n" if bad else "")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
