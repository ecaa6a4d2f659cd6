# SPDX-License-Identifier: Apache-2.0
"""doc/FLAGS.md tells of every flag what --help does."""
from support import flags, places


def test_the_page_is_true():
    assert (places.REPO / "doc" / "FLAGS.md").read_text() == flags.page(), "run script/flags"


def test_the_page_knows_the_flags():
    """That the page is not empty because help is read wrongly."""
    of_userd = {flag.split()[0]: default for flag, _, default in flags.flags_of(flags.help_of("userd"))}
    wanted = {"--listen": "127.0.0.1:50051", "--grace": "30s", "--max-streams": "100", "--keepalive-time": "2h"}
    assert {flag: of_userd.get(flag) for flag in wanted} == wanted
    # Every one has a default, or says that there is none.
    assert [flag for flag, default in of_userd.items() if not default] == []
    page = flags.page()
    assert "### userctl import" in page and "| `--format FORMAT` |" in page
