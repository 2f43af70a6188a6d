"""The notebook runs; Ray and Dask give one process's bytes, also when a worker is killed."""

import importlib
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest
from conftest import ROOT
from test_fleet import TEMPLATE

import batchsim

EXAMPLES = ROOT / "examples" / "python"


def test_the_tour_runs():
    notebook = json.loads((EXAMPLES / "tour.ipynb").read_text())
    names = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "tour.ipynb", "exec"), names)
    assert names["plan"]["recommended"] is not None
    assert names["front"].count("<circle") > 10 or "<svg" in names["front"]
    # The longer environments are kept, the fewer start cold.
    cold = [starts for starts, _ in names["kept"].values()]
    assert cold == sorted(cold, reverse=True)
    assert names["account"]["functions"] == 7


clusters = pytest.mark.skipif(
    "BATCHSIM_CLUSTERS" not in os.environ, reason="installs and starts a cluster: set BATCHSIM_CLUSTERS=1"
)


def example(name, monkeypatch):
    """The module of an example, as a script beside it would have it."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.reload(importlib.import_module(name))


def installed(package, name):
    """The module of a package that is installed if it is not there."""
    if importlib.util.find_spec(name) is None:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", package], check=True)
        importlib.invalidate_caches()
    return importlib.import_module(name)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """A trace, a template, and one process's answer."""
    import numpy

    folder = tmp_path_factory.mktemp("clusters")
    (folder / "t.toml").write_text(TEMPLATE)
    counts = numpy.random.default_rng(3).poisson(0.02 * 1.3 ** numpy.arange(40)[:, None], (40, 120))
    header = "HashFunction," + ",".join(str(minute) for minute in range(1, 121))
    lines = [f"f{i}," + ",".join(map(str, row)) for i, row in enumerate(counts)]
    (folder / "trace.csv").write_text("\n".join([header, *lines]) + "\n")
    whole = batchsim.plan_many(folder / "trace.csv", folder / "t.toml")
    return folder, whole


def dying(marker):
    """A plan whose first try takes its worker with it."""

    def plan(trace, scenario, shard):
        if shard.startswith("3/") and not pathlib.Path(marker).exists():
            pathlib.Path(marker).write_text("died")
            os.kill(os.getpid(), 9)
        return str(batchsim.plan_many(trace, scenario, shard=shard))

    return plan


@clusters
def test_ray_with_a_killed_worker(fleet, tmp_path, monkeypatch):
    ray = installed("ray", "ray")
    folder, whole = fleet
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        module = example("fleet_ray", monkeypatch)
        marker = tmp_path / "marker"
        module.plan = ray.remote(num_cpus=1, max_retries=5)(dying(str(marker)))
        found = module.fleet(folder / "trace.csv", folder / "t.toml", 8)
        assert marker.exists()
        assert (found.json, found.table("fleet").csv) == (whole.json, whole.table("fleet").csv)
    finally:
        ray.shutdown()


@clusters
def test_dask_with_a_killed_worker(fleet, tmp_path, monkeypatch):
    distributed = installed("dask[distributed]", "distributed")
    folder, whole = fleet
    module = example("fleet_dask", monkeypatch)
    marker = tmp_path / "marker"
    module.plan = dying(str(marker))
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with distributed.Client(cluster) as client:
            found = module.fleet(client, folder / "trace.csv", folder / "t.toml", 8)
    assert marker.exists()
    assert (found.json, found.table("fleet").csv) == (whole.json, whole.table("fleet").csv)
