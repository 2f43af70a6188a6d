"""Arrays of times in place of [workload]."""

import os
import time

import numpy
import pytest

import batchsim

TEMPLATE = {
    "name": "array",
    "profile": {"memory_mb": [2048], "batch": [1, 8], "service_s": [[0.12, 0.5]]},
    "platform": {"kind": "lambda", "book": "aws-2026", "memory_mb": 2048},
    "policy": {"kind": "batch", "batch": 4, "timeout": "60ms"},
    "slo": {"latency": "500ms"},
}


@pytest.fixture(scope="module")
def times():
    draw = numpy.random.default_rng(7)
    return numpy.round(numpy.cumsum(draw.exponential(0.05, 30_000)), 6)


def test_an_array_is_the_trace_with_the_same_times(times, tmp_path):
    trace = tmp_path / "t.csv"
    trace.write_text("time_s\n" + "".join(f"{time:.6f}\n" for time in times))
    workload = {"kind": "trace", "file": str(trace)}
    expected = batchsim.run({**TEMPLATE, "workload": workload})
    nanos = numpy.round(times * 1e9).astype(numpy.int64)
    seconds = batchsim.run(TEMPLATE, arrivals=times)
    for name in ("simulated", "predicted", "requests"):
        assert seconds[name] == expected[name]
    # In place of [workload], as nanoseconds since any time, as date-times, as a list.
    assert batchsim.run({**TEMPLATE, "workload": workload}, arrivals=nanos) == seconds
    assert batchsim.run(TEMPLATE, arrivals=nanos + 1_700_000_000_000_000_000) == seconds
    assert batchsim.run(TEMPLATE, arrivals=nanos.astype("M8[ns]")) == seconds
    assert batchsim.run(TEMPLATE, arrivals=list(times)) == seconds


def test_fit_and_plan_take_arrays(times, tmp_path):
    trace = tmp_path / "t.csv"
    trace.write_text("time_s\n" + "".join(f"{time:.6f}\n" for time in times))
    assert batchsim.fit(times)["trace"] == batchsim.fit(trace)["trace"]
    sweep = {"memory_mb": [2048], "batch": [1, 2, 4, 8], "timeout": ["20ms", "100ms"]}
    planned = [
        batchsim.plan({**TEMPLATE, "sweep": sweep}, arrivals=times),
        batchsim.plan({**TEMPLATE, "sweep": sweep, "workload": {"kind": "trace", "file": str(trace)}}),
    ]
    assert planned[0]["recommended"] == planned[1]["recommended"]


@pytest.mark.parametrize(
    ("array", "told"),
    [
        ([0.0, 2.0, 1.0], r"arrivals: \[2\] is before the one before it"),
        ([0.0, float("nan"), 1.0], r"\[1\] is NaN, which is no time"),
        ([0.0, float("inf")], r"\[1\] is inf"),
        ([5.0, 1.0], r"\[1\] is before"),
        (numpy.array([3, 2], dtype=numpy.int64), r"\[1\] is before"),
        (numpy.array([], dtype=float), "no request was served"),
    ],
)
def test_what_is_no_trace_is_refused(array, told):
    with pytest.raises(batchsim.InputRefused, match=told):
        batchsim.run(TEMPLATE, arrivals=array)


def test_order_is_checked_between_blocks():
    """Blocks have 4,096 arrivals."""
    for place in (4095, 4096, 4097, 8192):
        times = numpy.arange(10_000, dtype=float)
        times[place] = times[place - 1] - 0.5
        with pytest.raises(batchsim.InputRefused, match=rf"\[{place}\] is before"):
            batchsim.run(TEMPLATE, arrivals=times)


def test_what_does_not_lie_in_one_piece_is_refused():
    with pytest.raises(ValueError, match="without gaps"):
        batchsim.run(TEMPLATE, arrivals=numpy.arange(10.0)[::2])
    with pytest.raises(TypeError, match="not `<f4`"):
        batchsim._batchsim.fit(numpy.arange(10, dtype=numpy.float32), None, "auto", None, 1)


def test_the_array_is_not_copied():
    """160 MB of arrivals, and the process grows by less than a third of them."""
    resource = pytest.importorskip("resource")
    times = numpy.arange(20_000_000, dtype=numpy.int64) * 1_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = batchsim.simulate(TEMPLATE, arrivals=times)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert found["mean_batch"] == 4.0
    assert grown < 50_000, f"{grown} KB"


@pytest.mark.skipif("BATCHSIM_SPEED" not in os.environ, reason="measures speed: set BATCHSIM_SPEED=1")
def test_arrivals_a_second():
    """The bar: 200 M/s for a warm replay, by the processor seconds of all threads, which others on the machine do not change."""
    times = numpy.cumsum(numpy.random.default_rng(1).exponential(1e-3, 100_000_000))
    begin, used = time.perf_counter(), time.process_time()
    found = batchsim.simulate(TEMPLATE, arrivals=times)
    wall, used = time.perf_counter() - begin, time.process_time() - used
    print(f"{len(times) / wall / 1e6:.0f} M arrivals/s, {len(times) / used / 1e6:.0f} M for each processor second")
    assert found["mean_batch"] > 3.9
    assert len(times) / used >= 200e6
