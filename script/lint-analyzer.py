# SPDX-License-Identifier: Apache-2.0
"""Run gcc -fanalyzer on each of our C files that a compilation database names, and print what it finds.

Without optimisation it follows the code as it is written, and most of its false leaks come from forgetting variables
early (state purge). What remains false is excused by name below; an excuse that is no longer needed is a finding.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

# gcc 12 takes for lost what is stored through a pointer that a call in between might have changed: here the token that
# credentials keep, which `forget` frees, and a seat's ring of letters, which `chat_seat_close` frees. LeakSanitizer and clang's
# analyzer agree that they do.
EXCUSED = {("src/client/credentials.c", "malloc-leak"), ("userd/chat_hub.c", "malloc-leak")}

OPTIONS = ["-O0", "-fanalyzer", "-fno-analyzer-state-purge", "-fdiagnostics-plain-output", "-o", os.devnull]
DROPPED = re.compile(r"-Werror|-O[0-9s]|-DNDEBUG|-flto|-ffat-lto-objects|-[UD]_FORTIFY_SOURCE.*")
FINDING = re.compile(r"^(\S+?):(\d+):\d+: (?:warning|error): (.*?)(?: \[-W(?:analyzer-)?([a-z-]+)\])?$", re.MULTILINE)


def analyze(command, folder):
    """[(file, line, text, checker)]"""
    words = [word for word in shlex.split(command) if not DROPPED.fullmatch(word)]
    at = words.index("-o")
    done = subprocess.run(
        words[:at] + words[at + 2 :] + OPTIONS, cwd=folder, stderr=subprocess.PIPE, encoding="utf-8"
    )
    found = FINDING.findall(done.stderr)
    if done.returncode != 0 and not found:
        found = [(words[-1], "0", done.stderr, "")]
    return found


def main():
    root = pathlib.Path(__file__).resolve().parents[1]
    folders = sys.argv[1:]
    entries = {}
    for entry in json.loads((root / "build" / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if path.suffix == ".c" and any(path.is_relative_to(root / folder) for folder in folders):
            entries[path] = entry
    if not entries:
        sys.exit("build/compile_commands.json knows none of our files")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda entry: analyze(entry["command"], entry["directory"]), entries.values())
    found = {(os.path.relpath(file, root), *rest) for result in results for file, *rest in result}
    unneeded = EXCUSED - {(file, checker) for file, _, _, checker in found}
    for file, line, text, checker in sorted(found):
        if (file, checker) not in EXCUSED:
            print(f"{file}:{line}: {text} [{checker}]")
    for file, checker in sorted(unneeded):
        print(f"{file}: needs no excuse for {checker} any more")
    return 1 if unneeded or any((file, checker) not in EXCUSED for file, _, _, checker in found) else 0


if __name__ == "__main__":
    sys.exit(main())
