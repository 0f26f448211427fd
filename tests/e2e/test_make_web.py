"""make web: the page's chart library comes from where npm would fetch it,
nothing that is not the pinned package gets into the page, and a failure names
its reason.  The registry is one of our own on the loopback."""
import base64
import contextlib
import hashlib
import http.server
import io
import os
import re
import shutil
import ssl
import subprocess
import tarfile
import threading

import pytest

import harness

NEEDS = ("sh", "awk", "cat", "chmod", "curl", "dirname", "dpkg-deb", "grep",
         "gzip", "head", "mkdir", "mv", "rm", "sed", "sha512sum", "sleep",
         "tail", "tar", "timeout")
PATH = "/lightweight-charts/-/lightweight-charts-4.2.3.tgz"
UNSERVED = "http://127.0.0.1:1/"


def make_package():
    """A package of the shape of the real one."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in (
                ("LICENSE", b"licence"), ("package.json", b"{}"),
                ("dist/lightweight-charts.standalone.production.mjs", b"chart")):
            info = tarfile.TarInfo("package/" + name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return out.getvalue()


PACKAGE = make_package()


@pytest.fixture
def tree(tmp_path):
    """A tree with scripts/web that pins PACKAGE, a home, and a PATH that holds
    no npm but ours."""
    for d in ("scripts", "wsgate/web", "bin", "home"):
        (tmp_path / d).mkdir(parents=True)
    pinned = re.sub(r"(?m)^sha512=\w+\\\n\w+$",
                    "sha512=" + hashlib.sha512(PACKAGE).hexdigest(),
                    (harness.REPO / "scripts" / "web").read_text())
    assert hashlib.sha512(PACKAGE).hexdigest() in pinned
    (tmp_path / "scripts" / "web").write_text(pinned)
    (tmp_path / "scripts" / "web").chmod(0o755)
    # The machine's own files of npm are none of ours.
    npmrc = re.sub(r'read_file\("/', 'read_file("%s/' % tmp_path,
                   (harness.REPO / "scripts" / "npmrc").read_text())
    (tmp_path / "scripts" / "npmrc").write_text(npmrc)
    (tmp_path / "scripts" / "npmrc").chmod(0o755)
    for name in NEEDS:
        os.symlink(shutil.which(name), tmp_path / "bin" / name)

    def program(name, text):
        path = tmp_path / "bin" / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def run(npm=None, seconds=20, **env):
        if npm is not None:
            program("npm", npm)
        return subprocess.run(
            [tmp_path / "scripts" / "web"], capture_output=True, text=True,
            env={"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path / "home"),
                 **env}, timeout=harness.deadline(seconds))
    run.program = program
    run.top = tmp_path
    run.home = tmp_path / "home"
    run.vendor = tmp_path / "wsgate" / "web" / "vendor"
    run.module = run.vendor / "lightweight-charts.mjs"
    return run


class Registry:
    """Serves PACKAGE under /npm/; what it was asked is kept."""

    def __init__(self, tls=None):
        self.requests = []
        self.body, self.token, self.hang = PACKAGE, None, threading.Event()
        self.hang.set()
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                registry.requests.append((self.path, dict(self.headers)))
                registry.hang.wait()
                auth = self.headers.get("Authorization")
                status = (401 if registry.token and auth != registry.token else
                          200 if self.path.endswith("/npm" + PATH) else 404)
                self.send_response(status)
                body = registry.body if status == 200 else b""
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a client that refuses our certificate hangs up
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True,
                do_handshake_on_connect=False)
        self.url = "%s://127.0.0.1:%d/npm/" % ("https" if tls else "http",
                                               self.port)
        threading.Thread(target=self.server.serve_forever, args=(0.01,),
                         daemon=True).start()

    def close(self):
        self.hang.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def registry():
    with contextlib.closing(Registry()) as r:
        yield r


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A folder with a certificate of 127.0.0.1 that is its own authority."""
    at = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", at / "key.pem",
         "-out", at / "cert.pem"], check=True, capture_output=True)
    return at


@pytest.fixture
def tls_registry(authority):
    with contextlib.closing(Registry(authority)) as r:
        yield r


def test_without_npm_curl_fetches_from_the_registry_of_npm(tree, registry):
    done = tree(npm_config_registry=registry.url)
    assert done.returncode == 0, done.stderr
    assert tree.module.read_text() == "chart"
    assert (tree.vendor / "LICENSE").read_text() == "licence"
    assert [path for path, _ in registry.requests] == ["/npm" + PATH]
    assert registry.url in done.stdout
    assert "npm_config_registry" in done.stdout
    assert "%d bytes" % len(PACKAGE) in done.stdout


@pytest.mark.parametrize("where", [
    ".npmrc", "home/.npmrc", "etc/npmrc", "usr/etc/npmrc", "user", "global",
    "prefix/etc/npmrc"])
def test_every_file_of_npm_is_read(tree, registry, where):
    path = tree.top / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("; ours\nprogress = false\nregistry = \"%s\"\n"
                    % registry.url)
    env = {"user": {"NPM_CONFIG_USERCONFIG": str(path)},
           "global": {"npm_config_globalconfig": str(path)},
           "prefix/etc/npmrc": {"npm_config_prefix": str(tree.top / "prefix")},
           }.get(where, {})
    done = tree(**env)
    assert tree.module.exists(), done.stderr


def test_the_stronger_setting_wins(tree, registry):
    (tree.home / ".npmrc").write_text("registry=%s\n" % UNSERVED)
    (tree.top / ".npmrc").write_text("registry=%s # ours\n" % registry.url)
    assert tree().returncode == 0 and tree.module.exists()
    shutil.rmtree(tree.vendor)
    (tree.top / ".npmrc").write_text("registry=%s\n" % UNSERVED)
    assert tree().returncode == 0 and not tree.module.exists()
    done = tree(NPM_CONFIG_REGISTRY=registry.url)
    assert tree.module.exists(), done.stderr


@pytest.mark.parametrize("kind, key, path", [
    ("Bearer", "_authToken", "/npm/"), ("Bearer", "_authToken", "/"),
    ("Basic", "_auth", "/npm/")])
def test_a_token_goes_to_its_registry_and_nowhere_else(tree, registry, kind,
                                                       key, path):
    secret = base64.b64encode(b"me:secret").decode()
    registry.token = "%s %s" % (kind, secret)
    (tree.home / ".npmrc").write_text(
        "registry=%s\n//127.0.0.1:%d%s:%s=${REGISTRY_TOKEN}\n"
        % (registry.url, registry.port, path, key))
    done = tree(REGISTRY_TOKEN=secret)
    assert tree.module.exists(), done.stderr
    assert secret not in done.stdout + done.stderr
    # The same token for another host is not sent.
    shutil.rmtree(tree.vendor)
    (tree.home / ".npmrc").write_text(
        "registry=%s\n//127.0.0.1:1%s:%s=%s\n" % (registry.url, path, key, secret))
    done = tree()
    assert not tree.module.exists()
    assert "401" in done.stderr and "token" in done.stderr
    assert "Authorization" not in registry.requests[-1][1]


def test_an_unknown_authority_is_refused_and_named(tree, tls_registry):
    done = tree(npm_config_registry=tls_registry.url)
    assert not tree.module.exists()
    assert "certificate" in done.stderr and "cafile=" in done.stderr
    assert tls_registry.requests == []


@pytest.mark.parametrize("how", ["cafile", "npm_config_cafile", "ca", "ca[]",
                                 "NODE_EXTRA_CA_CERTS", "strict-ssl"])
def test_an_authority_of_ones_own_can_be_configured(tree, tls_registry,
                                                    authority, how):
    pem = authority / "cert.pem"
    inline = '"%s"' % pem.read_text().strip().replace("\n", "\\n")
    env = {how: str(pem)} if how.isidentifier() and "_" in how else {}
    line = {"cafile": "cafile=%s" % pem, "ca": "ca=" + inline,
            "ca[]": "ca[]=" + inline, "strict-ssl": "strict-ssl=false"}
    (tree.home / ".npmrc").write_text("registry=%s\n%s\n" % (
        tls_registry.url, line.get(how, "")))
    done = tree(**env)
    assert tree.module.exists(), done.stderr


@pytest.mark.parametrize("how", [
    "proxy=%s", "https-proxy=http://127.0.0.1:1\nproxy=%s", "HTTP_PROXY"])
def test_a_proxy_is_used(tree, registry, how):
    proxy = "http://127.0.0.1:%d" % registry.port
    (tree.home / ".npmrc").write_text(
        "registry=http://registry.test/npm/\n%s\n" % how.replace("%s", proxy))
    done = tree(**({how: proxy} if how.isupper() else {}))
    assert tree.module.exists(), done.stderr
    assert registry.requests[0][0] == "http://registry.test/npm" + PATH


def test_a_host_can_be_kept_from_the_proxy(tree, registry):
    done = tree(npm_config_registry=registry.url, npm_config_proxy=UNSERVED,
                npm_config_noproxy="127.0.0.1")
    assert tree.module.exists(), done.stderr


def test_without_a_registry_npms_default_is_read_from_its_package(tree, registry):
    package = tree.top / "npm"
    opts = package / "usr/share/nodejs/npm-registry-fetch/lib/default-opts.js"
    (package / "DEBIAN").mkdir(parents=True)
    (package / "DEBIAN" / "control").write_text(
        "Package: npm\nVersion: 9\nArchitecture: all\n"
        "Maintainer: nobody <nobody@example.org>\nDescription: test\n")
    opts.parent.mkdir(parents=True)
    opts.write_text("module.exports = {\n  maxSockets: 12,\n"
                    "  registry: '%s',\n}\n" % registry.url)
    subprocess.run(["dpkg-deb", "--build", package, tree.top / "npm_9_all.deb"],
                   check=True, capture_output=True)
    tree.program("apt-get", "cat %s >npm_9_all.deb\n" % (tree.top / "npm_9_all.deb"))
    done = tree()
    assert tree.module.exists(), done.stderr
    assert "npm's default" in done.stdout
    assert not (tree.top / "build" / "web").exists()


def test_without_any_registry_it_says_how_to_name_one(tree):
    tree.program("apt-get", "echo 'E: Unable to locate package npm'; exit 100\n")
    done = tree()
    assert done.returncode == 0 and not tree.vendor.exists()
    assert "Unable to locate package npm" in done.stderr
    assert "npm_config_registry" in done.stderr


def test_a_package_with_another_digest_is_never_used(tree, registry):
    registry.body = b"evil"
    done = tree(npm_config_registry=registry.url)
    assert done.returncode == 1
    assert "is not the package that was pinned" in done.stderr
    assert not tree.vendor.exists()


def test_a_registry_without_the_package_is_named(tree, registry):
    done = tree(npm_config_registry=registry.url + "other/")
    assert done.returncode == 0 and not tree.vendor.exists()
    assert "404" in done.stderr and "lightweight-charts 4.2.3" in done.stderr


def test_a_registry_that_refuses_is_asked_once_and_named(tree):
    done = tree(npm_config_registry=UNSERVED)
    assert done.returncode == 0 and not tree.vendor.exists()
    assert "connect to 127.0.0.1" in done.stderr
    assert "nothing answers there" in done.stderr
    assert "the page works without its chart" in done.stderr
    assert tree(npm_config_registry=UNSERVED, STRICT="1").returncode == 1


def test_a_name_that_does_not_exist_is_named(tree):
    # Too long for a name: no resolver is asked.
    done = tree(npm_config_registry="http://%s.test/" % ("x" * 64))
    assert "resolve host" in done.stderr and "https_proxy" in done.stderr


def test_a_registry_that_hangs_is_given_up(tree, registry):
    registry.hang.clear()
    done = tree(npm_config_registry=registry.url, WEB_STALL_S="1")
    assert not tree.vendor.exists()
    assert "too slow" in done.stderr and len(registry.requests) == 1


def test_without_npm_and_curl_it_says_what_to_install(tree):
    (tree.top / "bin" / "curl").unlink()
    done = tree()
    assert done.returncode == 0
    assert "make deps installs curl" in done.stderr
    assert tree(STRICT="1").returncode == 1


def test_npm_fetches_where_it_is_installed(tree):
    (tree.top / "good.tgz").write_bytes(PACKAGE)
    done = tree("[ $1 = pack ] || { echo http://me:secret@registry.test/; exit; }\n"
                "shift; while [ $1 != --pack-destination ]; do shift; done\n"
                "cat %s >$2/lightweight-charts-4.2.3.tgz\n"
                % (tree.top / "good.tgz"))
    assert tree.module.exists(), done.stderr
    assert "from http://registry.test/" in done.stdout


@pytest.mark.parametrize("said, help", [
    ("npm error code ECONNREFUSED\nnpm error errno ECONNREFUSED\n"
     "npm error FetchError: connect refused", "nothing answers"),
    ("npm ERR! code ENOTFOUND\nnpm ERR! network no such host", "https_proxy"),
    ("npm error code SELF_SIGNED_CERT_IN_CHAIN\nnpm error bad", "cafile="),
    ("npm error code E404\nnpm error 404 Not Found", "configure a registry"),
    ("npm error code E401\nnpm error Unable", "token"),
])
def test_the_reason_of_npm_is_passed_on(tree, said, help):
    (tree.top / "said").write_text(said + "\n")
    done = tree("cat %s >&2; exit 1\n" % (tree.top / "said"))
    assert done.returncode == 0 and not tree.vendor.exists()
    assert said.split("code ")[1].split("\n")[0] in done.stderr
    assert re.sub("npm (error|ERR!) ", "", said.splitlines()[-1]) in done.stderr
    assert help in done.stderr


def test_an_npm_that_hangs_is_given_up(tree):
    done = tree("[ $1 = config ] || exec sleep 1000\n", WEB_TOTAL_S="1")
    assert "did not finish within 1 s" in done.stderr


def test_the_npm_that_is_here_does_not_retry_for_a_minute(tree):
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not installed")
    done = tree("exec %s \"$@\"\n" % npm, npm_config_registry=UNSERVED,
                PATH="%s:%s" % (tree.top / "bin", os.environ["PATH"]))
    assert "ECONNREFUSED" in done.stderr and "nothing answers" in done.stderr


def test_what_is_there_already_needs_neither_npm_nor_network(tree, registry):
    assert tree(npm_config_registry=registry.url).returncode == 0
    done = tree(npm_config_registry=UNSERVED)
    assert done.returncode == 0 and done.stdout == done.stderr == ""
    tree.module.write_text("changed")
    assert "connect" in tree(npm_config_registry=UNSERVED).stderr
