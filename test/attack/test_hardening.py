# SPDX-License-Identifier: Apache-2.0
"""What the compiler and the linker were asked to add to the programs and the library is really there."""
import functools
import os
import pathlib

import pytest

from support import places, programs

LIBRARY = "libweir.so"


def path_of(name):
    if name == LIBRARY:
        return str(pathlib.Path(os.environ["WEIR_BIN"]).parent / "lib" / LIBRARY)
    return places.program(name)


@functools.cache
def readelf(name, *options):
    done = programs.run("readelf", "-W", *options, path_of(name))
    assert done.returncode == 0, done.stderr
    return done.stdout


each = pytest.mark.parametrize("name", ["userd", "userctl", LIBRARY])


@each
def test_it_can_lie_anywhere(name):
    assert "Type:                              DYN" in readelf(name, "-h")
    assert "TEXTREL" not in readelf(name, "-d")
    if name != LIBRARY:
        assert "PIE" in readelf(name, "-d")


@each
def test_what_was_relocated_is_read_only(name):
    assert "GNU_RELRO" in readelf(name, "-l")
    assert "BIND_NOW" in readelf(name, "-d")


@each
def test_nothing_is_both_written_and_run(name):
    segments = [line.split() for line in readelf(name, "-l").splitlines()]
    assert not [line for line in segments if line[:1] == ["LOAD"] and "RWE" in line]
    stack = next(line for line in segments if line[:1] == ["GNU_STACK"])
    assert "RW" in stack and "RWE" not in stack


@pytest.mark.parametrize("name", ["userd", "userctl"])
def test_stacks_are_guarded_and_copies_checked(name):
    symbols = readelf(name, "--dyn-syms")
    assert "__stack_chk_fail" in symbols
    assert any(f"__{function}_chk" in symbols for function in ("memcpy", "snprintf", "vsnprintf"))


@each
def test_it_searches_for_libraries_only_where_the_system_does_once_installed(name, tmp_path):
    done = programs.run("cmake", "--install", pathlib.Path(os.environ["WEIR_BIN"]).parent, "--prefix", tmp_path)
    assert done.returncode == 0, done.stderr
    for installed in tmp_path.rglob(name + "*"):
        if installed.is_file() and not installed.is_symlink() and installed.read_bytes()[:4] == b"\x7fELF":
            dynamic = programs.run("readelf", "-W", "-d", installed).stdout
            assert "RPATH" not in dynamic and "RUNPATH" not in dynamic, dynamic
