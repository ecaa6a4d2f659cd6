# SPDX-License-Identifier: Apache-2.0
"""The files of deploy/ and the Dockerfile, read."""
import fnmatch
import json
import re

import yaml

from support import places

STAGE = places.REPO / "deploy" / "stage"


class Dockerfile:
    """Its stages: each a list of (INSTRUCTION, argument)."""

    def __init__(self):
        self.text = (places.REPO / "Dockerfile").read_text()
        self.stages = []
        lines = re.sub(r"(?m)^#.*\n", "", self.text).replace("\\\n", " ").splitlines()
        for line in filter(None, map(str.strip, lines)):
            name, argument = line.split(None, 1)
            if name == "FROM":
                self.stages.append([])
            self.stages[-1].append((name, argument))

    def last(self, name):
        """The arguments of an instruction in the image's own stage."""
        return [argument for one, argument in self.stages[-1] if one == name]

    def command(self):
        """ENTRYPOINT and CMD."""
        return [json.loads(self.last(name)[0]) for name in ("ENTRYPOINT", "CMD")]

    def health_check(self):
        return json.loads(self.last("HEALTHCHECK")[0].split("CMD", 1)[1])


def rules():
    """Of .dockerignore: (pattern, whether it lets in)."""
    for line in (places.REPO / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            yield line.removeprefix("!"), line.startswith("!")


def is_sent(path):
    """Whether a file, by its path in the repository, is sent to the builder: the last rule that matches says so."""
    sent = True
    parts = path.split("/")
    above = ["/".join(parts[: i + 1]) for i in range(len(parts))]
    for pattern, lets_in in rules():
        if pattern.startswith("**/"):
            matches = any(fnmatch.fnmatchcase(part, pattern[3:]) for part in parts)
        else:
            matches = any(one.count("/") == pattern.count("/") and fnmatch.fnmatchcase(one, pattern) for one in above)
        if matches:
            sent = lets_in
    return sent


def manifest():
    """The objects of deploy/kubernetes.yaml."""
    return list(yaml.safe_load_all((places.REPO / "deploy" / "kubernetes.yaml").read_text()))
