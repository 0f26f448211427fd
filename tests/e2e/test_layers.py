"""The order of the folders: LAYERS says it, scripts/layers checks it."""
import shutil
import subprocess

import pytest

from harness import REPO

ORDER = """\
1 common/base   ground
2 common/redis  links
2 common/http   a server
10 wsgate/ws    frames
11 wsgate       the tool
10 bargen       another tool
"""
GOOD = {
    "common/base/span.h": "#include <stddef.h>\n#include <sys/types.h>\n",
    "common/redis/redis_link.c": '#include "common/base/span.h"\n',
    "common/http/http.h": '#include "common/base/span.h"\n',
    "wsgate/ws/ws_frame.h": '#include "common/http/http.h"\n',
    "wsgate/wsgate.h": '#include "wsgate/ws/ws_frame.h"\n',
    "wsgate/main.c": '#include "wsgate/wsgate.h"\n',
    "bargen/bargen.h": '#include "common/base/span.h"\n',
}


def layers(tmp_path, files):
    (tmp_path / "scripts").mkdir()
    shutil.copy(REPO / "scripts/layers", tmp_path / "scripts/layers")
    (tmp_path / "LAYERS").write_text(ORDER)
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return subprocess.run([tmp_path / "scripts/layers", *files],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=60)


def test_a_tree_in_order_has_no_findings(tmp_path):
    done = layers(tmp_path, GOOD)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path, include, why", [
    ("common/base/log.c", "common/redis/redis_link.h", "stands above"),
    ("common/redis/probe.c", "common/http/http.h", "stands above"),
    ("wsgate/ws/late.c", "wsgate/wsgate.h", "stands above"),
    ("common/base/log.c", "wsgate/ws/ws_frame.h", "another tool"),
    ("wsgate/ws/late.c", "bargen/bargen.h", "another tool"),
    ("common/base/log.c", "common/misc/misc.h", "no folder of LAYERS"),
])
@pytest.mark.parametrize("line", ['#include "%s"', " # include <%s>"])
def test_an_include_that_climbs_is_found(tmp_path, path, include, why, line):
    done = layers(tmp_path, {**GOOD, path: line % include + "\n"})
    assert done.returncode == 1
    (finding,) = done.stdout.splitlines()
    assert finding.startswith(f"{path}:1: {include} ")
    assert why in finding


@pytest.mark.parametrize("path, why", [
    ("common/loose.c", "no folder common"),
    ("common/misc/misc.c", "no folder common/misc"),
    ("wsgate/misc.c", "lie loose in wsgate/"),
])
def test_a_file_without_a_room_is_found(tmp_path, path, why):
    done = layers(tmp_path, {**GOOD, path: ""})
    assert done.returncode == 1
    assert path in done.stdout and why in done.stdout
