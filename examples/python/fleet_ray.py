"""Plans every function of a trace on a Ray cluster: the same bytes as one process.

    python examples/python/fleet_ray.py TRACE.csv scenarios/fleet.toml output/fleet --shards 200

The trace and the scenario lie where every worker can read them. A shard has every n-th function: choose the number so that
each has some hundreds. One that was lost with its worker is planned again, by another.
"""

import batchsim
import ray
from fleet_shards import asked, tasks, write


@ray.remote(num_cpus=1, max_retries=5)
def plan(trace, scenario, shard):
    # A worker of one processor: let the simulator use one thread, too (RAYON_NUM_THREADS, below).
    return str(batchsim.plan_many(trace, scenario, shard=shard))


def fleet(trace, scenario, shards):
    """The fleet, from any number of shards."""
    parts = [plan.remote(*task) for task in tasks(trace, scenario, shards)]
    return batchsim.merge(ray.get(parts))


def main():
    given = asked(__doc__)
    ray.init(address=given.address, runtime_env={"env_vars": {"RAYON_NUM_THREADS": "1"}})
    write(fleet(given.trace, given.scenario, given.shards), given.out)


if __name__ == "__main__":
    main()
