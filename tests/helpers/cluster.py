"""What `docker` and `kubectl` would do, without a container engine: `python cluster.py kubectl apply -f FILE` runs the job's
command as it stands in the manifest, with its environment and nothing else. A CronJob runs when a job is created from it.

State is in the folder CLUSTER: the settings that were applied, and how each job ended.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

#: what a node has, whatever the pod
NODE = ("PATH", "COVERAGE_PROCESS_START", "COVERAGE_FILE", "LANG", "PWD")


def read(path: Path) -> list[dict[str, Any]]:
    """The objects of a manifest."""
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def pod(job: dict[str, Any]) -> dict[str, Any]:
    """The pod of a Job or a CronJob."""
    spec = job["spec"].get("jobTemplate", job)["spec"]
    return dict(spec["template"]["spec"])


def environment(container: dict[str, Any], state: Path, index: int = 0) -> dict[str, str]:
    """What a container is told: its settings and secrets, then its own."""
    env: dict[str, str] = {name: os.environ[name] for name in NODE if name in os.environ} | {"HOME": "/nonexistent"}
    for source in container.get("envFrom", []):
        ((_, named),) = source.items()
        env |= json.loads((state / f"{'Secret' if 'secretRef' in source else 'ConfigMap'}-{named['name']}").read_text())
    env["JOB_COMPLETION_INDEX"] = str(index)
    for each in container.get("env", []):
        env[each["name"]] = re.sub(r"\$\((\w+)\)", lambda found: env[found[1]], each["value"])
    env.update(json.loads(os.environ.get("CLUSTER_ENV", "{}")))
    return env


def command(container: dict[str, Any]) -> list[str]:
    """What a container runs: that of the image is dbsvc."""
    return [*container.get("command", ["dbsvc"]), *container["args"]]


def start(job: dict[str, Any], state: Path, name: str) -> None:
    """Run a job's pods at the same time, and note their exit codes."""
    (container,) = pod(job)["containers"]
    pods = range(job["spec"].get("parallelism", 1))
    running = [
        subprocess.Popen(
            command(container), env=environment(container, state, index), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for index in pods
    ]
    logs = [process.communicate()[0].decode() for process in running]
    (state / f"ended-{name}").write_text(json.dumps([process.returncode for process in running]))
    (state / f"log-{name}").write_text("".join(logs))


def kubectl(arguments: list[str], state: Path) -> int:
    """Do what the page types."""
    words = [word for word in arguments if not word.startswith("--")]
    options = dict(word.lstrip("-").split("=", 1) for word in arguments if word.startswith("--"))
    if words[0] == "apply":
        for each in read(Path(words[2])):
            kind, name = each["kind"], each["metadata"]["name"]
            if kind in ("ConfigMap", "Secret"):
                (state / f"{kind}-{name}").write_text(json.dumps(each.get("data", {}) | each.get("stringData", {})))
            elif kind == "Job":
                start(each, state, name)
            elif kind == "CronJob":
                (state / f"cronjob-{name}").write_text(json.dumps(each))
    elif words[0] == "create":
        start(json.loads((state / options["from"].replace("/", "-")).read_text()), state, words[2])
    elif words[0] == "wait":
        return int(any(json.loads((state / words[1].replace("job/", "ended-")).read_text())))
    elif words[0] == "logs":
        print((state / words[1].replace("job/", "log-")).read_text())
    else:
        raise NotImplementedError(arguments)
    return 0


def main() -> int:
    """Play the program that is named first."""
    program, *arguments = sys.argv[1:]
    if program == "docker":
        file = Path(arguments[arguments.index("-f") + 1])
        return int(not file.exists())
    return kubectl(arguments, Path(os.environ["CLUSTER"]))


if __name__ == "__main__":
    sys.exit(main())
