"""What the stubs say is there, and what is there is in the stubs; mypy and abi3audit where they are installed."""

import ast
import importlib.util
import inspect
import pathlib
import subprocess
import sys

import pytest

import batchsim

STUB = pathlib.Path(batchsim.__file__).with_suffix(".pyi")


def parameters(function):
    arguments = function.args
    return [argument.arg for argument in arguments.args + arguments.kwonlyargs]


def test_names_and_parameters_agree():
    tree = ast.parse(STUB.read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for name in batchsim.__all__:
        assert name in functions or name in classes or name == "__version__", name
    for name, node in functions.items():
        found = list(inspect.signature(getattr(batchsim, name)).parameters)
        assert sorted(found) == sorted(parameters(node)), name
        assert inspect.getdoc(getattr(batchsim, name)), name
    for name, node in classes.items():
        if not name.startswith("_"):
            public = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            assert public <= set(dir(getattr(batchsim, name))), name
    assert (STUB.parent / "py.typed").exists()


def test_mypy_strict(tmp_path):
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    used = tmp_path / "used.py"
    used.write_text(
        "import numpy\nimport batchsim\n"
        "result = batchsim.run('s.toml', arrivals=numpy.arange(3.0), set={'policy.batch': 4})\n"
        "table: batchsim.Table = batchsim.sweep({'seed': 1}).table('sweep')\n"
        "shard: batchsim.FleetShard = batchsim.plan_many({'f': [1.0]}, 's.toml', shard='1/2')\n"
        "whole: batchsim.Result = batchsim.plan_many('t.csv', 's.toml')\n"
        "text: str = whole.svg('saving')\n"
    )
    for checked in (["-p", "batchsim"], [str(used)]):
        command = [sys.executable, "-m", "mypy", "--strict", *checked]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stdout
