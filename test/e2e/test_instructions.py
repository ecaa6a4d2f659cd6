# SPDX-License-Identifier: Apache-2.0
"""A call takes no more instructions than bench/instructions.json says. Callgrind counts them, and they hardly vary."""
import json
import os

from support import places, programs

SLACK = 1.03


def test_no_call_has_become_dearer(tmp_path):
    results = tmp_path / "results.json"
    done = programs.run(
        places.REPO / "bench" / "run", "instructions", "--bin", os.environ["WEIR_BIN"], "--json", results, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    baseline = json.loads((places.REPO / "bench" / "instructions.json").read_text())
    counted = json.loads(results.read_text())["instructions"]
    assert counted.keys() == baseline.keys()
    dearer = {name: (count, baseline[name]) for name, count in counted.items() if count > SLACK * baseline[name]}
    assert not dearer, f"more instructions than bench/instructions.json has: {dearer}"
