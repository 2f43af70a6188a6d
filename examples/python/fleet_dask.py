"""Plans every function of a trace on a Dask cluster: the same bytes as one process.

    RAYON_NUM_THREADS=1 python examples/python/fleet_dask.py TRACE.csv scenarios/fleet.toml output/fleet --shards 200

The trace and the scenario lie where every worker can read them. A shard has every n-th function: choose the number so that
each has some hundreds. One that was lost with its worker is planned again, by another.
"""

import argparse
import pathlib

import batchsim
from dask.distributed import Client


def plan(trace, scenario, shard):
    return str(batchsim.plan_many(trace, scenario, shard=shard))


def fleet(client, trace, scenario, shards):
    """The fleet, from any number of shards."""
    trace, scenario = (str(pathlib.Path(path).resolve()) for path in (trace, scenario))
    numbers = [f"{i}/{shards}" for i in range(1, shards + 1)]
    parts = client.map(plan, [trace] * shards, [scenario] * shards, numbers, retries=5, pure=False)
    return batchsim.merge(client.gather(parts))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trace")
    parser.add_argument("scenario")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--address", help="the scheduler's; a local cluster if not given")
    asked = parser.parse_args()
    with Client(asked.address) if asked.address else Client(threads_per_worker=1) as client:
        found = fleet(client, asked.trace, asked.scenario, asked.shards)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "fleet.csv").write_text(found.table("fleet").csv)
    (asked.out / "fleet.json").write_text(found.json)
    saved = found["within_slo"]["saving_usd_per_month"]
    print(f"{found['functions']} functions; batching saves ${saved:,.2f} a month; {asked.out}/fleet.csv")


if __name__ == "__main__":
    main()
