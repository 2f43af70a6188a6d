"""Measures a function over HTTP and writes its profile: python3 measure.py URL MEMORY_MB > profile.toml

Batches of each size are posted on one connection, sizes in turn, so that a slow moment of the machine falls on all of them,
and with a pause before each, as batches come: a processor that has slept answers later than one that is kept busy. The mean
of each size is written, without the tenth of the times that took longest.
"""

import http.client
import json
import random
import socket
import sys
import time
import urllib.parse

SIZES = [1, 2, 4, 8, 16, 32]
ROUNDS = 100
PAUSE_S = 0.02


def main(url, memory_mb):
    """Prints the profile."""
    target = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname, target.port)
    connection.connect()
    # Head and body are two writes, and the second must not wait for the first to be acknowledged.
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    times = {size: [] for size in SIZES}
    for turn in range(ROUNDS + 10):
        for size in SIZES:
            instances = [[random.random() for _ in range(64)] for _ in range(size)]
            body = json.dumps({"instances": instances})
            time.sleep(PAUSE_S)
            start = time.perf_counter()
            connection.request("POST", target.path or "/", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            took = time.perf_counter() - start
            if answer.status != 200:
                raise SystemExit(f"the function answered {answer.status}: {text[:200]}")
            # The first calls find cold caches.
            if turn >= 10:
                times[size].append(took)

    def mean(size):
        kept = sorted(times[size])[: ROUNDS - ROUNDS // 10]
        return sum(kept) / len(kept)

    # A larger batch takes no less: what is below the one before it is noise.
    means = []
    for size in SIZES:
        means.append(max([mean(size), *means[-1:]]))
    rows = ", ".join(f"{value:.6f}" for value in means)
    print('model = "mlp"')
    print(f'source = "measured over HTTP, {ROUNDS} calls a size"')
    print(f"memory_mb = [{memory_mb}]")
    print(f"batch = {SIZES}")
    print(f"service_s = [[{rows}]]")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
