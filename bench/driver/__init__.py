# SPDX-License-Identifier: Apache-2.0
"""The parts of bench/run. Free ports, and servers of others, are found and run as by the tests."""
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "test"))
