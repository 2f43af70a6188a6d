"""Serves handler.py over plain HTTP, as a model server does: python3 server.py PORT

One process, a thread a connection; the handler runs in as many threads as calls come at once. Prints the port when it
listens; port 0 takes any that is free.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import handler


class Calls(BaseHTTPRequestHandler):
    """Answers POSTs."""

    protocol_version = "HTTP/1.1"
    # Head and body are one write: two would wait for each other's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self):
        """One call."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            status, answer = 200, handler.handler(json.loads(body), None)
        except (KeyError, TypeError, ValueError) as error:
            status, answer = 400, {"error": str(error)}
        except Exception as error:  # onnxruntime has types of its own for a wrong shape
            status, answer = 400, {"error": str(error)}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Says nothing of single calls."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Calls)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()
