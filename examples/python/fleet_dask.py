"""Plans every function of a trace on a Dask cluster: the same bytes as one process.

    RAYON_NUM_THREADS=1 python examples/python/fleet_dask.py TRACE.csv scenarios/fleet.toml output/fleet --shards 200

The trace and the scenario lie where every worker can read them. A shard has every n-th function: choose the number so that
each has some hundreds. One that was lost with its worker is planned again, by another.
"""

import batchsim
from dask.distributed import Client
from fleet_shards import asked, tasks, write


def plan(trace, scenario, shard):
    return str(batchsim.plan_many(trace, scenario, shard=shard))


def fleet(client, trace, scenario, shards):
    """The fleet, from any number of shards."""
    parts = client.map(plan, *zip(*tasks(trace, scenario, shards)), retries=5, pure=False)
    return batchsim.merge(client.gather(parts))


def main():
    given = asked(__doc__)
    with Client(given.address) if given.address else Client(threads_per_worker=1) as client:
        write(fleet(client, given.trace, given.scenario, given.shards), given.out)


if __name__ == "__main__":
    main()
