"""haproxy and nginx in front of a gateway, as an ordinary deployment has them:
each with a configuration of its own, on a port of 127.0.0.1."""
import contextlib
import shutil
import socket

import pytest

import harness

HAPROXY = """
global
    maxconn 1000
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
frontend clients
    bind 127.0.0.1:%(port)d
    default_backend gateway
backend gateway
    server wsgate 127.0.0.1:%(upstream)d
"""

# Around the servers of an nginx that a test runs, in a folder of its own.
NGINX_FRAME = """
daemon off;
master_process off;
pid %(folder)s/pid;
error_log stderr warn;
events { worker_connections 1000; }
http {
    access_log off;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
%(text)s
}
"""

# lingering_close: to close over bytes that a client still sends is a reset,
# which can overtake what was said to it.
NGINX = NGINX_FRAME.replace("%(text)s", """
    server {
        listen 127.0.0.1:%(port)d;
        lingering_close always;
        location / {
            proxy_pass http://127.0.0.1:%(upstream)d;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }
    }
""")

CONFIG = {"haproxy": HAPROXY, "nginx": NGINX}


def find(name):
    """Its path; the test skips where it is not installed."""
    path = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if not path:
        pytest.skip("%s is not installed (make deps)" % name)
    return path


@contextlib.contextmanager
def in_front(name, tool, folder, upstream):
    """The port of a proxy that is ready, in front of 127.0.0.1:upstream.
    tool: the fixture that starts programs."""
    path = find(name)
    port = harness.free_port()
    config = folder / ("%s.conf" % name)
    config.write_text(CONFIG[name] % {"port": port, "upstream": upstream,
                                      "folder": folder})
    args = (["-db", "-f", config] if name == "haproxy" else
            ["-e", "stderr", "-p", folder, "-c", config])
    proxy = tool(name, *args, path=path, ready=False)

    def listens():
        assert proxy.running(), proxy.stderr
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False
    try:
        harness.wait_until(listens, 10, "%s listens" % name)
        yield port
        assert proxy.running(), proxy.stderr
    finally:
        proxy.terminate()  # by the signal, says haproxy's status
