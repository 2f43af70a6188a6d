"""Calls that take long: the interpreter goes on, Ctrl-C ends them, progress is told; import is quick."""

import signal
import subprocess
import sys
import threading
import time

import batchsim

LONG = {
    "workload": {"kind": "poisson", "rate": 100.0, "requests": 2_000_000_000},
    "profile": {"memory_mb": [2048], "batch": [1, 8], "service_s": [[0.12, 0.5]], "service_cv": 0.5},
    "platform": {"kind": "lambda", "book": "aws-2026", "memory_mb": 2048},
    "policy": {"kind": "batch", "batch": 4, "timeout": "60ms"},
    "slo": {"latency": "500ms"},
    "sweep": {"memory_mb": [2048], "batch": [1, 2, 4, 8], "timeout": ["20ms", "60ms"]},
}
SHORT = {**LONG, "workload": {"kind": "poisson", "rate": 100.0, "requests": 3_000_000}}


def test_the_interpreter_goes_on():
    ticks, ended = [], threading.Event()

    def tick():
        while not ended.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.perf_counter()
    batchsim.run(SHORT)
    elapsed = time.perf_counter() - begin
    ended.set()
    thread.join()
    # A thread of the interpreter that ticks each millisecond, on a machine with other work: never held for long.
    gaps = [b - a for a, b in zip(ticks, ticks[1:])]
    assert len(ticks) > 10 * elapsed, (len(ticks), elapsed)
    assert max(gaps) < 0.5 + 0.2 * elapsed, max(gaps)


def test_two_calls_at_once_are_each_their_own():
    found = {}
    threads = [
        threading.Thread(target=lambda seed=seed: found.update({seed: batchsim.run(SHORT, seed=seed)["simulated"]}))
        for seed in (1, 2)
    ]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert found[1] == batchsim.run(SHORT, seed=1)["simulated"]
    assert found[1] != found[2]


def test_progress_is_told():
    seen = []
    batchsim.run(SHORT, progress=lambda done, all: seen.append((done, all)))
    assert seen == sorted(seen) and seen[-1][0] > 0
    assert all(done <= 3_000_000 == total for done, total in seen)
    seen = []
    batchsim.sweep(SHORT, progress=lambda done, all: seen.append((done, all)))
    assert {total for _, total in seen} == {8}, seen


def test_what_the_callback_raises_ends_the_call():
    def refuse(done, all):
        raise KeyError("enough")

    begin = time.perf_counter()
    try:
        batchsim.run(LONG, progress=refuse)
    except KeyError as error:
        assert error.args == ("enough",)
    else:
        raise AssertionError("the call went on")
    assert time.perf_counter() - begin < 20


def test_ctrl_c_ends_a_call():
    for call in ("run", "sweep", "plan"):
        code = f"import batchsim; print('begun', flush=True); batchsim.{call}({LONG!r})"
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "begun\n"
        time.sleep(1.0)
        begin = time.perf_counter()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert "KeyboardInterrupt" in told, (call, told)
        assert time.perf_counter() - begin < 20, call


def test_import_is_quick():
    """50 ms beyond the interpreter's own start, the least of some: the machine may have other work."""
    code = "import time; begin = time.perf_counter(); import batchsim; print(time.perf_counter() - begin)"
    took = min(float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout) for _ in range(7))
    assert took < 0.05, took


def test_import_loads_no_numpy():
    code = "import sys, batchsim; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
