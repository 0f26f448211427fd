"""What wsgate(1) says about names is what wsgate does."""
import re

import harness


def test_the_manual_names_the_letters_of_channel_names(gate):
    manual = (harness.REPO / "wsgate" / "wsgate.1").read_text()
    said = re.search(r"Channel names are up to 255 bytes of\n\.Cm (.*) ;",
                     manual).group(1).replace("\\&", "").split()
    letters = set()
    for s in said:
        letters |= ({chr(c) for c in range(ord(s[0]), ord(s[2]) + 1)}
                    if len(s) == 3 else {s})
    # The * and the colon have places of their own in a name.
    signs = [chr(c) for c in range(0x20, 0x7f) if chr(c) not in ":*"] + ["é"]
    names = ["market_data:a%sb" % c for c in signs] + ["bars:a:1", "bars:*:1"]
    results = gate().ws().subscribe(*names)["results"]
    assert [x["channel"] for x in results] == names
    assert all(x["ok"] for x in results[-2:])
    assert {c for c, x in zip(signs, results) if x["ok"]} | {":", "*"} == letters
