# SPDX-License-Identifier: Apache-2.0
"""doc/FLAGS.md, made from what --help says, so that it says the same. Run as a program it prints the page."""
import re
import sys

from support import places, programs

HEAD = """# Flags

Each flag of userd can also be given in the environment, as USERD_LISTEN, USERD_LOG_LEVEL and so on, and each of userctl's, as
USERCTL_SERVER; the command line wins. Durations are written `250ms`, `5s`, `2m`, `1h`, sizes `64KiB`, `256MiB`, `1GiB`. This
page is made of what `--help` says: `script/flags` writes it.
"""

# Of no use in a table of defaults.
SAID_ALREADY = "--help", "--version"


def help_of(name, *words):
    done = programs.run(places.program(name), *words, "--help")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def flags_of(text):
    """(flag, meaning, default or "") of each line of help that is a flag's."""
    for line in text.splitlines():
        match = re.fullmatch(r"  (--\S+(?: [A-Z][^ ]*)?) +(.*)", line)
        if match and match[1] not in SAID_ALREADY:
            meaning, default = re.fullmatch(r"(.*?)(?: \(([^()]*(?:\([^()]*\)[^()]*)*)\))?", match[2]).groups()
            yield match[1], meaning, default or ""


def table(flags):
    rows = ["| flag | meaning | default |", "| --- | --- | --- |"]
    for flag, meaning, default in flags:
        rows.append(f"| `{flag}` | {meaning} | {default} |".replace("  ", " "))
    return "\n".join(rows)


def section(title, flags):
    return f"\n{title}\n\n{table(flags)}\n"


def commands(text):
    """Of userctl: those that have flags of their own are told by their help."""
    return re.findall(r"(?m)^  ([a-z]+)  +\S", text.split("--server")[0])


def page():
    parts = [HEAD, section("## userd", flags_of(help_of("userd")))]
    for words in ("admin", "create"), ("keys", "create"):
        parts.append(section(f"### userd {' '.join(words)}", flags_of(help_of("userd", *words))))
    common = list(flags_of(help_of("userctl")))
    parts.append(section("## userctl", common))
    for command in commands(help_of("userctl")):
        if command != "help":
            own = [flag for flag in flags_of(help_of("userctl", command)) if flag not in common]
            parts += [section(f"### userctl {command}", own)] if own else []
    return "".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
