# SPDX-License-Identifier: Apache-2.0
"""The soak of script/soak, as short as it makes sense."""
import pathlib

from support import programs


def test_nothing_grows():
    soak = pathlib.Path(__file__).with_name("soak.py")
    done = programs.run("/usr/bin/python3", "-B", soak, "0.4", timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "flat after 0.4 minutes" in done.stdout
