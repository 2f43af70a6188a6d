"""batchsim: simulates and plans machine-learning inference on serverless functions with adaptive batching.

Times are seconds (``_s``), money US dollars (``_usd``), memory MB (1 MB = 1,024 KB).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, Union, overload

from typing_extensions import TypeAlias

__all__: list[str]
__version__: str

_Path: TypeAlias = Union[str, PathLike[str]]
_Model: TypeAlias = Literal["exact", "published"]
_Progress: TypeAlias = Callable[[int, int], object]
#: A path, a TOML text, or a dict as the TOML would be.
Scenario: TypeAlias = Union[_Path, Mapping[str, Any]]

class _Array(Protocol):
    @property
    def __array_interface__(self) -> dict[str, Any]: ...

class _HasToNumpy(Protocol):
    def to_numpy(self) -> Any: ...

class _Frame(Protocol):
    def __getitem__(self, name: str, /) -> Any: ...

#: f64 seconds or i64 nanoseconds, read where they lie; date-times; else a sequence of seconds, which is converted.
Times: TypeAlias = Union[_Array, _HasToNumpy, Sequence[float]]

class InputRefused(ValueError):
    """Something in the input cannot be used; its text is the command line's message."""

    #: The file, or what held the text.
    file: str
    #: The line, from 1, if it stands on one.
    line: int | None
    #: What is wrong.
    message: str
    #: How to mend it.
    mend: str | None

class Table:
    """A table of results: the command line's CSV, and the same as Arrow (PyCapsule protocol)."""

    @property
    def csv(self) -> str:
        """The text of the command line's file."""
    @property
    def column_names(self) -> list[str]: ...
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

class Result(dict[str, Any]):
    """A dict with the names of the command line's JSON, and its tables and charts."""

    @property
    def json(self) -> str:
        """The JSON, byte for byte the command line's file."""
    def table(self, name: str) -> Table:
        """A table by name: ``sweep``, ``pareto``, ``fleet``, ``hours``, ``decisions``."""
    @property
    def charts(self) -> list[str]:
        """The names of its charts."""
    def svg(self, name: str) -> str:
        """A chart as SVG text."""
    def figure(
        self, name: str, format: Literal["pdf", "png"] = "pdf", width: str = "3.3in", text: str = "7pt"
    ) -> bytes:
        """A chart as a figure of a paper, with its fonts embedded; PNG has 300 dpi.

        ``width`` is its width on paper (in, mm, cm or pt), ``text`` the size of its labels.
        """
    def page(self) -> str:
        """The page that the command line writes, as HTML text."""
    def _repr_html_(self) -> str | None: ...

class FleetShard(str):
    """The text of a shard of ``plan_many``, for ``merge`` and ``sim merge``."""

def run(
    scenario: Scenario,
    *,
    arrivals: Times | None = None,
    model: _Model = "exact",
    set: Mapping[str, Any] | None = None,
    seed: int | None = None,
    progress: _Progress | None = None,
) -> Result:
    """Replays a scenario and predicts it: ``summary.json``.

    ``arrivals``: times [s, or ns as i64] in place of ``[workload]``, ascending; the first is time 0. ``set``: fields to
    override, such as ``{"policy.batch": 4}``; None removes one. ``progress(requests, all)``; all is 0 if not known.
    """

def simulate(
    scenario: Scenario,
    *,
    arrivals: Times | None = None,
    set: Mapping[str, Any] | None = None,
    seed: int | None = None,
    progress: _Progress | None = None,
) -> Result:
    """What the simulation says, without predicting: the block ``simulated`` of ``summary.json``."""

def predict(
    scenario: Scenario,
    *,
    arrivals: Times | None = None,
    model: _Model = "exact",
    set: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> Result:
    """What the law says, without simulating: the block ``predicted`` of ``summary.json``."""

def plan(
    scenario: Scenario,
    *,
    arrivals: Times | None = None,
    model: _Model = "exact",
    predict_only: bool = False,
    grid_only: bool = False,
    robust: bool = False,
    set: Mapping[str, Any] | None = None,
    seed: int | None = None,
    progress: _Progress | None = None,
) -> Result:
    """The cheapest configuration within the SLO, or the fastest within the budget: ``plan.json``."""

def sweep(
    scenario: Scenario,
    *,
    arrivals: Times | None = None,
    model: _Model = "exact",
    predict_only: bool = False,
    set: Mapping[str, Any] | None = None,
    seed: int | None = None,
    progress: _Progress | None = None,
) -> Result:
    """Evaluates the grid of ``[sweep]``: tables ``sweep`` and ``pareto``. ``progress(configurations, all)`` by stage."""

def fit(
    arrivals: Times | _Path,
    *,
    method: str = "auto",
    window: str | None = None,
    seed: int = 1,
) -> Result:
    """Fits processes to arrivals [s, or ns as i64], or to a trace's file: ``fit.json``. ``window="1h"`` also by hours."""

@overload
def plan_many(
    table: _Path | Sequence[_Path] | Mapping[str, Times] | _Frame,
    scenario: Scenario,
    *,
    layout: Literal["azure-2019", "times", "counts"] | None = None,
    function: str | None = None,
    time: str | None = None,
    count: str | None = None,
    unit: Literal["s", "ms", "us", "ns"] | None = None,
    bin: str | None = None,
    stamps: Literal["auto", "exact"] = "auto",
    length: float | None = None,
    profiles: _Path | None = None,
    durations: _Path | None = None,
    shard: None = None,
    set: Mapping[str, Any] | None = None,
    seed: int | None = None,
    progress: _Progress | None = None,
) -> Result:
    """Plans every function of an account, with one scenario as template: ``fleet.json`` and the table ``fleet``.

    ``table``: a trace's files, as of ``sim fleet``; arrays of times by function; or a DataFrame with the columns
    ``function`` and ``time``. ``length``: how long all functions of arrays were watched [s].
    """

@overload
def plan_many(
    table: _Path | Sequence[_Path] | Mapping[str, Times] | _Frame,
    scenario: Scenario,
    *,
    shard: str,
    layout: Literal["azure-2019", "times", "counts"] | None = None,
    function: str | None = None,
    time: str | None = None,
    count: str | None = None,
    unit: Literal["s", "ms", "us", "ns"] | None = None,
    bin: str | None = None,
    stamps: Literal["auto", "exact"] = "auto",
    length: float | None = None,
    profiles: _Path | None = None,
    durations: _Path | None = None,
    set: Mapping[str, Any] | None = None,
    seed: int | None = None,
    progress: _Progress | None = None,
) -> FleetShard:
    """One part, such as ``shard="2/8"``: its text."""

def merge(shards: Iterable[str]) -> Result:
    """Puts the shards of ``plan_many``, or those of ``sim fleet --shard``, together: the same bytes as without."""
