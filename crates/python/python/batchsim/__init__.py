"""batchsim: simulates and plans machine-learning inference on serverless functions with adaptive batching.

A scenario is a path, a TOML text, or a dict. Times are seconds (``_s``), money US dollars (``_usd``), memory MB. Results
are dicts with the names of the command line's JSON; tables are read by polars, pyarrow, pandas and DuckDB without copying.

>>> import batchsim
>>> result = batchsim.run("scenarios/twitter.toml")        # doctest: +SKIP
>>> result["simulated"]["latency_s"]["p95"]                # doctest: +SKIP
"""

from __future__ import annotations

import os as _os
from collections import namedtuple as _namedtuple

from . import _batchsim
from ._batchsim import InputRefused, Table, __version__

__all__ = [
    "FleetShard",
    "InputRefused",
    "Result",
    "Table",
    "__version__",
    "fit",
    "merge",
    "plan",
    "plan_many",
    "predict",
    "run",
    "simulate",
    "sweep",
]

_Given = _namedtuple("_Given", "path text folder set seed arrivals")
_Reading = _namedtuple("_Reading", "layout function time count unit bin stamps")


class Result(dict):
    """What a call found: a dict with the names of the command line's JSON, and its tables and charts."""

    def __init__(self, raw):
        import json

        super().__init__(json.loads(raw.json))
        self._raw = raw
        self._charts = None

    @property
    def json(self):
        """The JSON, byte for byte the command line's file."""
        return self._raw.json

    def table(self, name):
        """A table by name (``sweep``, ``pareto``, ``fleet``, ``hours``, ``decisions``)."""
        found = self._raw.table(name)
        if found is None:
            raise KeyError(name)
        return found

    def _drawn(self):
        if self._charts is None:
            charts, page = self._raw.drawn()
            self._charts = dict(charts), page
        return self._charts

    @property
    def charts(self):
        """The names of its charts."""
        return sorted(self._drawn()[0])

    def svg(self, name):
        """A chart as SVG text; ``charts`` has the names."""
        charts = self._drawn()[0]
        if name not in charts:
            raise KeyError(f"no chart {name!r}: there are {', '.join(sorted(charts)) or 'none'}")
        return charts[name]

    def figure(self, name, format="pdf", width="3.3in", text="7pt"):
        """A chart as a figure of a paper, in bytes: ``"pdf"`` with its fonts embedded, or ``"png"`` of 300 dpi.

        ``width`` is its width on paper (in, mm, cm or pt), ``text`` the size of its labels.
        """
        if name not in self.charts:
            raise KeyError(f"no chart {name!r}: there are {', '.join(self.charts) or 'none'}")
        return bytes(self._raw.figure(name, format, width, text))

    def page(self):
        """The page that the command line writes, as HTML text."""
        return self._drawn()[1]

    def _repr_html_(self):
        charts = self._drawn()[0]
        if not charts:
            return None
        return "".join(f"<div>{charts[name]}</div>" for name in sorted(charts))

    def __reduce__(self):
        raise TypeError("a result is not pickled: send its .json, or the text of a shard (plan_many)")


class FleetShard(str):
    """The text of a shard of ``plan_many``: what :func:`merge` puts together, and what ``sim merge`` reads from a file."""

    __slots__ = ()


def _given(scenario, set, seed, arrivals):
    path = text = folder = None
    if isinstance(scenario, dict):
        # JSON's strings are TOML's, but keys and tables are not: each top field is one inline value.
        text = "".join(f"{_key(name)} = {_toml(value)}\n" for name, value in scenario.items() if value is not None)
    elif isinstance(scenario, _os.PathLike):
        path = _os.fspath(scenario)
    elif isinstance(scenario, str):
        if "\n" in scenario or "=" in scenario:
            text = scenario
        else:
            path = scenario
    else:
        raise TypeError(f"a scenario is a path, a TOML text or a dict, not {type(scenario).__name__}")
    overrides = [f"{name}={_set(value)}" for name, value in (set or {}).items()]
    return _Given(path, text, folder, overrides, seed, None if arrivals is None else _array(arrivals))


def _set(value):
    return "" if value is None else value if isinstance(value, str) else _toml(value)


def _key(name):
    return _toml(str(name))


def _toml(value):
    """A value as TOML that stands on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        import json

        # TOML has no surrogate pairs, and JSON's other escapes are its own but for DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        fields = (f"{_key(name)} = {_toml(field)}" for name, field in value.items() if field is not None)
        return "{" + ", ".join(fields) + "}"
    if isinstance(value, _os.PathLike):
        return _toml(_os.fspath(value))
    if hasattr(value, "tolist"):
        return _toml(value.tolist())
    try:
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    except TypeError:
        raise TypeError(f"a scenario holds numbers, strings, lists and tables, not {type(value).__name__}") from None


def _array(values):
    """f64 seconds or i64 nanoseconds as they lie in memory; only what is neither is converted."""
    if hasattr(values, "__array_interface__"):
        kind = values.__array_interface__["typestr"]
        if kind in ("<f8", "<i8"):
            return values
        if kind[1] in "mM":
            import numpy

            return values.astype("M8[ns]" if kind[1] == "M" else "m8[ns]").view(numpy.int64)
    if hasattr(values, "to_numpy"):
        return _array(values.to_numpy())
    import numpy

    array = numpy.asarray(values)
    if array.dtype.kind in "mM":
        return _array(array)
    return numpy.ascontiguousarray(array, dtype=numpy.float64)


def run(scenario, *, arrivals=None, model="exact", set=None, seed=None, progress=None):
    """Replays a scenario and predicts it: ``summary.json``.

    ``arrivals``: times in place of ``[workload]``, ascending: f64 seconds or i64 nanoseconds, not copied; the first is
    time 0. ``set``: fields to override, such as ``{"policy.batch": 4}``. ``progress(done, all)`` is told of requests.
    """
    return Result(_batchsim.run(_given(scenario, set, seed, arrivals), model, progress))


def simulate(scenario, *, arrivals=None, set=None, seed=None, progress=None):
    """What the simulation says, without predicting: the block ``simulated`` of ``summary.json``."""
    return Result(_batchsim.simulate(_given(scenario, set, seed, arrivals), progress))


def predict(scenario, *, arrivals=None, model="exact", set=None, seed=None):
    """What the law says, without simulating: the block ``predicted`` of ``summary.json``."""
    return Result(_batchsim.predict(_given(scenario, set, seed, arrivals), model))


def plan(
    scenario,
    *,
    arrivals=None,
    model="exact",
    predict_only=False,
    grid_only=False,
    robust=False,
    set=None,
    seed=None,
    progress=None,
):
    """The cheapest configuration within the SLO, or the fastest within the budget: ``plan.json``.

    Where none keeps the SLO, ``recommended`` is None, as in the file.
    """
    flags = (predict_only, grid_only, robust)
    return Result(_batchsim.plan(_given(scenario, set, seed, arrivals), model, flags, progress))


def sweep(scenario, *, arrivals=None, model="exact", predict_only=False, set=None, seed=None, progress=None):
    """Evaluates the grid of ``[sweep]``; ``.table("sweep")`` and ``.table("pareto")`` are its tables.

    ``progress(done, all)`` is told of configurations, from 0 again for each stage.
    """
    return Result(_batchsim.sweep(_given(scenario, set, seed, arrivals), model, predict_only, progress))


def fit(arrivals, *, method="auto", window=None, seed=1):
    """Fits processes to arrivals, an array as of :func:`run` or a trace's path: ``fit.json``.

    ``window="1h"`` also fits each hour by itself. ``.table("fit.toml").csv`` is a schedule for ``[workload]``.
    """
    if isinstance(arrivals, (str, _os.PathLike)):
        return Result(_batchsim.fit(None, _os.fspath(arrivals), method, window, seed))
    return Result(_batchsim.fit(_array(arrivals), None, method, window, seed))


def plan_many(
    table,
    scenario,
    *,
    layout=None,
    function=None,
    time=None,
    count=None,
    unit=None,
    bin=None,
    stamps="auto",
    length=None,
    profiles=None,
    durations=None,
    shard=None,
    set=None,
    seed=None,
    progress=None,
):
    """Plans every function of an account, with one scenario as template: ``fleet.json`` and ``.table("fleet")``.

    ``table``: a trace's path or several, as of ``sim fleet``; a dict of arrays of times by function; or a DataFrame with
    columns ``function`` and ``time`` (f64 seconds, i64 nanoseconds or date-times). ``length``: how long all functions of
    arrays were watched [s]; from the first call to the last if not given. ``shard="2/8"`` plans the second of eight
    parts and returns its text, for :func:`merge`. ``progress(done, 0)`` is told of functions.
    """
    given = _given(scenario, set, seed, None)
    reading = _Reading(layout, function, time, count, unit, bin, stamps)
    paths, named = _functions(table, function or "function", time or "time", length)
    places = tuple(None if path is None else _os.fspath(path) for path in (profiles, durations))
    raw, text = _batchsim.plan_many(given, paths, reading, named, places, shard, progress)
    return FleetShard(text) if raw is None else Result(raw)


def _functions(table, function, time, length):
    """The paths of a trace, or functions with their calls."""
    if isinstance(table, (str, _os.PathLike)):
        table = [table]
    if isinstance(table, (list, tuple)):
        if length is not None:
            raise TypeError("length is for arrays: a trace says how long it is")
        return [_os.fspath(path) for path in table], None
    if isinstance(table, dict):
        return [], ([(str(name), _array(times)) for name, times in table.items()], length)
    import numpy

    names, times = (numpy.asarray(_column(table, name)) for name in (function, time))
    times = _array(times)
    # In the order in which functions first appear, as in a file.
    known, first, place = numpy.unique(names.astype(str), return_index=True, return_inverse=True)
    order = numpy.argsort(place, kind="stable")
    parts = numpy.split(times[order], numpy.cumsum(numpy.bincount(place))[:-1])
    ranked = numpy.argsort(first)
    return [], ([(str(known[i]), numpy.ascontiguousarray(parts[i])) for i in ranked], length)


def _column(table, name):
    column = table[name]
    return column.to_numpy() if hasattr(column, "to_numpy") else column


def merge(shards):
    """Puts the shards of :func:`plan_many`, or those of ``sim fleet --shard``, together: the same bytes as without."""
    return Result(_batchsim.merge([(f"shard {i + 1}", str(text)) for i, text in enumerate(shards)]))
