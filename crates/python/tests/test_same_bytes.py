"""From Python and from the command line: the same bytes."""

import pytest
from conftest import TEN

import batchsim


@pytest.mark.parametrize("name", TEN)
def test_run_sweep_and_plan(name, scenarios, sim, tmp_path):
    path = scenarios / f"{name}.toml"
    for command in ("run", "sweep", "plan"):
        sim(command, path, "--out", tmp_path / command, "--quiet", cwd=scenarios)
    read = lambda file: (tmp_path / file).read_bytes().decode()
    ran = batchsim.run(path)
    assert ran.json == read("run/summary.json")
    if name == "hours":
        assert ran.table("hours").csv == read("run/hours.csv")
    swept = batchsim.sweep(path)
    assert swept.table("sweep").csv == read("sweep/sweep.csv")
    assert swept.table("pareto").csv == read("sweep/pareto.csv")
    assert batchsim.plan(path).json == read("plan/plan.json")
    # Charts, where they are drawn.
    for result, folder in ((ran, "run"), (swept, "sweep")):
        assert result.charts
        for chart in result.charts:
            assert result.svg(chart) == read(f"{folder}/charts/{chart}.svg")
        assert result.page() == read(f"{folder}/index.html")


def test_fit(scenarios, sim, tmp_path):
    path = scenarios / "trace.csv"
    sim("fit", path, "--out", tmp_path, "--quiet", "--window", "10min", cwd=scenarios)
    fitted = batchsim.fit(path, window="10min")
    assert fitted.json == (tmp_path / "fit.json").read_text()


def test_overrides_and_seed(scenarios, sim, tmp_path):
    path = scenarios / "poisson.toml"
    options = ["--set", "policy.batch=2", "--set", "slo.latency=1s", "--seed", "9", "--quiet"]
    sim("run", path, "--out", tmp_path, *options, cwd=scenarios)
    found = batchsim.run(path, set={"policy.batch": 2, "slo.latency": "1s"}, seed=9)
    assert found.json == (tmp_path / "summary.json").read_text()


def test_a_path_a_text_and_a_dict_are_the_same(scenarios):
    path = scenarios / "cold.toml"
    text = path.read_text()
    as_dict = {
        "name": "cold",
        "seed": 3,
        "workload": {"kind": "poisson", "rate": 20.0, "requests": 20000},
        "profile": {
            "memory_mb": [1024, 2048, 3008],
            "batch": (1, 8),
            "service_s": [[0.20, 0.9], [0.12, 0.5], [0.10, 0.35]],
        },
        "platform": {
            "kind": "lambda",
            "book": "aws-2026",
            "memory_mb": 2048,
            "cold_starts": True,
            "keep_alive": "20s",
            "runtime_init": "300ms",
            "provisioned": None,
        },
        "policy": {"kind": "batch", "batch": 4, "timeout": "60ms"},
        "slo": {"percentile": 95, "latency": "500ms"},
        "sweep": {"memory_mb": [1024, 2048, 3008], "batch": [1, 2, 4, 8], "timeout": ["20ms", "60ms", "150ms"]},
    }
    expected = batchsim.run(path)
    assert batchsim.run(str(path)) == expected
    assert batchsim.run(text) == expected
    assert batchsim.run(as_dict) == expected


def test_predict_is_the_block_of_run(scenarios):
    path = scenarios / "mmpp.toml"
    assert batchsim.predict(path) == batchsim.run(path)["predicted"]
    assert batchsim.simulate(path) == batchsim.run(path)["simulated"]


def test_errors_are_the_command_lines(scenarios, sim):
    path = scenarios / "wrong.toml"
    path.write_text((scenarios / "poisson.toml").read_text().replace('kind = "batch"', 'kind = "bach"'))
    told = sim("run", path, "--quiet", cwd=scenarios, status=1).stderr
    with pytest.raises(batchsim.InputRefused) as raised:
        batchsim.run(path)
    error = raised.value
    assert str(error) in told
    assert (error.file, error.mend is not None) == (str(path), True)
    assert path.read_text().splitlines()[error.line - 1] == 'kind = "bach"'
    assert isinstance(error, ValueError)
    with pytest.raises(batchsim.InputRefused, match="expected one of: exact, published"):
        batchsim.run(scenarios / "poisson.toml", model="exactly")
    with pytest.raises(TypeError, match="a path, a TOML text or a dict, not int"):
        batchsim.run(3)
