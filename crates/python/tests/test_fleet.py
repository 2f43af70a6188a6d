"""plan_many: the same bytes as `sim fleet`, from shards, from arrays."""

import numpy
import pytest

import batchsim

TEMPLATE = """
name = "t"
seed = 5
[profile]
memory_mb = [1024, 3072]
batch = [1, 16]
service_s = [[0.40, 2.2], [0.18, 0.8]]
init_s = 1.0
[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 1024
cold_starts = true
[policy]
kind = "unbatched"
[slo]
latency = "3s"
[sweep]
memory_mb = [1024, 3072]
batch = [1, 2, 4, 8]
timeout = ["100ms", "500ms"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "t.toml").write_text(TEMPLATE)
    draw = numpy.random.default_rng(3)
    counts = draw.poisson(0.02 * 1.5 ** numpy.arange(20)[:, None], (20, 180))
    header = "HashFunction," + ",".join(str(minute) for minute in range(1, 181))
    lines = [f"f{i}," + ",".join(map(str, row)) for i, row in enumerate(counts)]
    (folder / "azure.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder


@pytest.fixture(scope="module")
def calls():
    """Functions in the order of their first call, as a file has them."""
    draw = numpy.random.default_rng(4)
    calls = {f"g{i}": numpy.round(numpy.sort(draw.uniform(0, 3600, 3 * 2**i)), 6) for i in range(10)}
    return dict(sorted(calls.items(), key=lambda item: item[1][0]))


def test_the_same_bytes_as_the_command_line_and_from_shards(folder, sim):
    sim("fleet", "azure.csv", "--scenario", "t.toml", "--out", "cli", "--quiet", cwd=folder)
    seen = []
    planned = batchsim.plan_many(folder / "azure.csv", folder / "t.toml", progress=lambda done, all: seen.append(done))
    assert planned.json == (folder / "cli/fleet.json").read_text()
    assert planned.table("fleet").csv == (folder / "cli/fleet.csv").read_text()
    assert planned.svg("saving") == (folder / "cli/charts/saving.svg").read_text()
    assert seen == sorted(seen)
    shards = [batchsim.plan_many(folder / "azure.csv", folder / "t.toml", shard=f"{i}/8") for i in range(1, 9)]
    merged = batchsim.merge(reversed(shards))
    assert merged.json == planned.json
    assert merged.table("fleet").csv == planned.table("fleet").csv
    # The command line's shards are the same, but for check sums where it is of another build.
    sim("fleet", "azure.csv", "--scenario", "t.toml", "--out", "s", "--shard", "3/8", "--quiet", cwd=folder)
    theirs = (folder / "s/shard-3-of-8.csv").read_text()
    if theirs.splitlines()[0] == shards[2].splitlines()[0]:
        assert theirs == shards[2]
    rows = lambda text: [line.rsplit(",", 1)[0] for line in text.splitlines()[1:]]
    assert rows(theirs) == rows(shards[2])
    with pytest.raises(batchsim.InputRefused, match="these are missing: 8"):
        batchsim.merge(shards[:7])
    with pytest.raises(batchsim.InputRefused, match="expected I/N"):
        batchsim.plan_many(folder / "azure.csv", folder / "t.toml", shard="9")


def test_arrays_by_function_are_the_table_with_the_same_calls(folder, calls, sim):
    rows = sorted((time, name) for name, times in calls.items() for time in times)
    (folder / "calls.csv").write_text("function,time_s\n" + "".join(f"{name},{time:.6f}\n" for time, name in rows))
    sim("fleet", "calls.csv", "--scenario", "t.toml", "--out", "calls", "--quiet", "--no-charts", cwd=folder)
    expected = (folder / "calls/fleet.csv").read_text()
    planned = batchsim.plan_many(calls, folder / "t.toml")
    assert planned.table("fleet").csv == expected
    frame = {"function": numpy.array([name for _, name in rows]), "time": numpy.array([time for time, _ in rows])}

    class Frame:
        def __getitem__(self, name):
            return frame[name]

    assert batchsim.plan_many(Frame(), folder / "t.toml").table("fleet").csv == expected
    longer = batchsim.plan_many(calls, folder / "t.toml", length=7200.0)
    assert longer["length_s"] == 7200.0
    with pytest.raises(batchsim.InputRefused, match="shorter than from the first call"):
        batchsim.plan_many(calls, folder / "t.toml", length=60.0)


def test_rows_agree_with_plans_of_the_functions(folder, calls):
    """One by one, on the grid alone, with the same arrivals."""
    planned = batchsim.plan_many(calls, folder / "t.toml")
    for row in planned["top"][:4]:
        alone = batchsim.plan(folder / "t.toml", arrivals=calls[row["function"]], grid_only=True)
        best = alone["recommended"]
        assert best is not None
        month = best["simulated"]["cost_usd"] / planned["length_s"] * 730 * 3600
        assert row["cost_usd_per_month"] <= month * 1.01, row
