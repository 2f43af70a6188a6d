"""What the tests share: the command line to compare with, and ten scenarios."""

import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


def _binary():
    """The `sim` to compare with: $SIM, else the last one that was built."""
    if "SIM" in os.environ:
        return pathlib.Path(os.environ["SIM"])
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [target / profile / "sim" for profile in ("release", "debug")]
    built = [path for path in built if path.exists()]
    if built:
        return max(built, key=lambda path: path.stat().st_mtime)
    found = shutil.which("sim")
    return pathlib.Path(found) if found else None


@pytest.fixture(scope="session")
def sim():
    binary = _binary()
    if binary is None:
        pytest.fail("no `sim` to compare with: build it with cargo build, or set $SIM")

    def run(*arguments, cwd, status=0):
        done = subprocess.run([binary, *map(str, arguments)], cwd=cwd, capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        return done

    return run


BASE = """
name = "s"
seed = 3

[workload]
{workload}

[profile]
memory_mb = [1024, 2048, 3008]
batch = [1, 8]
service_s = [[0.20, 0.9], [0.12, 0.5], [0.10, 0.35]]
{profile}

[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 2048
{platform}

[policy]
kind = "batch"
batch = 4
timeout = "60ms"

[slo]
percentile = 95
latency = "500ms"

[sweep]
memory_mb = [1024, 2048, 3008]
batch = [1, 2, 4, 8]
timeout = ["20ms", "60ms", "150ms"]

{more}
"""

COLD = 'cold_starts = true\nkeep_alive = "20s"\nruntime_init = "300ms"'
POISSON = 'kind = "poisson"\nrate = 20.0\nrequests = 20000'
#: Name: what differs from one scenario to the next.
TEN = {
    "poisson": {"workload": POISSON},
    "mmpp": {"workload": 'kind = "mmpp"\nrates = [5.0, 80.0]\nsojourns = [20.0, 4.0]\nrequests = 20000'},
    "map": {
        "workload": 'kind = "map"\nd0 = [[-10.02, 0.02], [0.2, -100.2]]\nd1 = [[10.0, 0.0], [0.0, 100.0]]\nduration = "10min"'
    },
    "trace": {"workload": 'kind = "trace"\nfile = "trace.csv"'},
    "counts": {"workload": 'kind = "trace"\nfile = "counts.csv"\nformat = "counts"\nbin = "1s"'},
    "cold": {"workload": POISSON, "platform": COLD},
    "cold-trace": {"workload": 'kind = "trace"\nfile = "trace.csv"', "platform": COLD},
    "random": {"workload": POISSON, "profile": "service_cv = 0.3"},
    "gamma": {"workload": 'kind = "gamma"\nrate = 15.0\ncv = 2.0\nrequests = 15000'},
    "hours": {"workload": POISSON, "more": "[output]\nhours = true"},
}


@pytest.fixture(scope="session")
def scenarios(tmp_path_factory):
    """A folder with the ten scenarios, each with a name of its own, and their traces."""
    import numpy

    folder = tmp_path_factory.mktemp("scenarios")
    draw = numpy.random.default_rng(1)
    times = numpy.cumsum(draw.exponential(1 / 12, 12000))
    (folder / "trace.csv").write_text("time_s\n" + "".join(f"{time:.6f}\n" for time in times))
    (folder / "counts.csv").write_text("count\n" + "".join(f"{n}\n" for n in draw.poisson(9, 900)))
    fields = dict.fromkeys(("workload", "profile", "platform", "more"), "")
    for name, given in TEN.items():
        text = BASE.format(**{**fields, **given}).replace('name = "s"', f'name = "{name}"')
        (folder / f"{name}.toml").write_text(text)
    return folder
