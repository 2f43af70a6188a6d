"""What fleet_ray.py and fleet_dask.py have in common. It runs where they are started; workers need batchsim alone."""

import argparse
import pathlib


def asked(about):
    """The arguments, with the trace and the scenario where every worker finds them."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("trace", type=pathlib.Path)
    parser.add_argument("scenario", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--address", help="the cluster's; a local one if not given")
    return parser.parse_args()


def tasks(trace, scenario, shards):
    """The arguments of plan() for each shard."""
    trace, scenario = (str(pathlib.Path(path).resolve()) for path in (trace, scenario))
    return [(trace, scenario, f"{i}/{shards}") for i in range(1, shards + 1)]


def write(found, out):
    """The files of `sim fleet`, without its page."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "fleet.csv").write_text(found.table("fleet").csv)
    (out / "fleet.json").write_text(found.json)
    saved = found["within_slo"]["saving_usd_per_month"]
    print(f"{found['functions']} functions; batching saves ${saved:,.2f} a month; {out}/fleet.csv")
