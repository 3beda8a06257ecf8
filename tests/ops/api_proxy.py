"""A proxy in front of the API server, to look at what the engine's provider asks it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from local.cluster import LocalCluster


@contextmanager
def through(cluster: LocalCluster, part: str, wrote: Callable[[], None]) -> Iterator[None]:
    """Have the engine reach the API server by a proxy, which tells when an object was written.

    Args:
        cluster: whose it is.
        part: of the object's path, with `?` where its name ends.
        wrote: called while the one who applied or deleted it waits for the answer.
    """
    http = cluster.client()

    class Proxy(BaseHTTPRequestHandler):
        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kept = ("Accept", "Authorization", "Content-Type")
            headers = {name: self.headers[name] for name in kept if name in self.headers}
            with http.stream(
                self.command, self.path, content=body, headers=headers, timeout=None
            ) as answer:
                written = self.command in {"DELETE", "PATCH"} and part in self.path
                if written and answer.is_success and "dryRun" not in self.path:
                    wrote()
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
                self.end_headers()
                for piece in answer.iter_bytes():
                    self.wfile.write(piece)
                    self.wfile.flush()

        do_DELETE = do_GET = do_PATCH = do_POST = do_PUT = forward

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    kubeconfig = cluster.kubeconfig
    direct = kubeconfig.read_text()
    proxied = f"http://127.0.0.1:{server.server_port}"
    kubeconfig.write_text(direct.replace(cluster.url, proxied))
    try:
        yield
    finally:
        kubeconfig.write_text(direct)
        server.shutdown()
        # Not the client: a provider whose engine was killed still watches by it, and to close a
        # socket that a thread reads gives its number, and what comes, to the next that is opened.
        server.server_close()
