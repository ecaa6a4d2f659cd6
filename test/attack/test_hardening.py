# SPDX-License-Identifier: Apache-2.0
"""What the compiler and the linker were asked to add to the programs and the library is really there."""
import functools
import os
import pathlib
import platform
import re

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


@each
def test_stacks_are_guarded_and_copies_checked(name):
    symbols = readelf(name, "--dyn-syms")
    assert "__stack_chk_fail" in symbols
    assert any(f"__{function}_chk" in symbols for function in ("memcpy", "snprintf", "vsnprintf"))


# The processor's name of marked targets of indirect jumps, and a mark.
MARKS = {"x86_64": ("IBT", "endbr64"), "aarch64": ("BTI", "bti")}


def properties(path):
    """Of each object in a file what its note says, by the object's name."""
    done = programs.run("readelf", "-W", "-n", path)
    assert done.returncode == 0, done.stderr
    objects = {}
    for line in done.stdout.splitlines():
        if line.startswith("File: "):
            objects[name := line.removeprefix("File: ")] = ""
        elif " feature: " in line:
            objects[name if objects else path] = line.partition(" feature: ")[2]
    return objects


def test_each_object_of_the_library_has_its_targets_marked():
    """The linker keeps the note only if all of them have it, the switch in assembly too."""
    feature, _ = MARKS[platform.machine()]
    objects = properties(pathlib.Path(path_of(LIBRARY)).with_name("libweir.a"))
    assert len(objects) > 100
    assert [name for name, features in objects.items() if feature not in features] == []


@each
def test_targets_of_indirect_jumps_are_marked(name):
    """In the code; the note besides where the C library's own objects have it, which Debian's have not."""
    feature, mark = MARKS[platform.machine()]
    function = "weir_version" if name == LIBRARY else "main"
    code = programs.run("objdump", "-d", f"--disassemble={function}", path_of(name)).stdout
    first = next(line for line in code.splitlines() if re.match(r"\s+[0-9a-f]+:\t", line))
    assert mark in first, first
    start = programs.run("cc", "-print-file-name=crti.o").stdout.strip()
    if any(feature in features for features in properties(start).values()):
        assert any(feature in features for features in properties(path_of(name)).values())


@each
def test_it_searches_for_libraries_only_where_the_system_does_once_installed(name, tmp_path):
    done = programs.run("cmake", "--install", pathlib.Path(os.environ["WEIR_BIN"]).parent, "--prefix", tmp_path)
    assert done.returncode == 0, done.stderr
    for installed in tmp_path.rglob(name + "*"):
        if installed.is_file() and not installed.is_symlink() and installed.read_bytes()[:4] == b"\x7fELF":
            dynamic = programs.run("readelf", "-W", "-d", installed).stdout
            assert "RPATH" not in dynamic and "RUNPATH" not in dynamic, dynamic
