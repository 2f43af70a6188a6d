"""Plans every function of a trace on a Ray cluster: the same bytes as one process.

    python examples/python/fleet_ray.py TRACE.csv scenarios/fleet.toml output/fleet --shards 200

The trace and the scenario lie where every worker can read them. A shard has every n-th function: choose the number so that
each has some hundreds. One that was lost with its worker is planned again, by another.
"""

import argparse
import pathlib

import batchsim
import ray


@ray.remote(num_cpus=1, max_retries=5)
def plan(trace, scenario, shard):
    # A worker of one processor: let the simulator use one thread, too (RAYON_NUM_THREADS, below).
    return str(batchsim.plan_many(trace, scenario, shard=shard))


def fleet(trace, scenario, shards):
    """The fleet, from any number of shards."""
    trace, scenario = (str(pathlib.Path(path).resolve()) for path in (trace, scenario))
    parts = [plan.remote(trace, scenario, f"{i}/{shards}") for i in range(1, shards + 1)]
    return batchsim.merge(ray.get(parts))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trace")
    parser.add_argument("scenario")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--address", help="the cluster's; a local one if not given")
    asked = parser.parse_args()
    ray.init(address=asked.address, runtime_env={"env_vars": {"RAYON_NUM_THREADS": "1"}})
    found = fleet(asked.trace, asked.scenario, asked.shards)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "fleet.csv").write_text(found.table("fleet").csv)
    (asked.out / "fleet.json").write_text(found.json)
    saved = found["within_slo"]["saving_usd_per_month"]
    print(f"{found['functions']} functions; batching saves ${saved:,.2f} a month; {asked.out}/fleet.csv")


if __name__ == "__main__":
    main()
