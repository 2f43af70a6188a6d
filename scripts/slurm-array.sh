#!/bin/sh
# One sweep as a Slurm array job, one shard a task; a last job merges the shards.
#
#   scripts/slurm-array.sh SHARDS SCENARIO.toml OUT [options of `sim sweep`]
#   TRACE=FILE scripts/slurm-array.sh SHARDS SCENARIO.toml OUT [options of `sim fleet`]
#
# SHARDS is the number of tasks. OUT must be on a file system that all nodes see. `sim` is taken from $SIM, else
# from the PATH. Give sbatch's own options in $SBATCH_OPTIONS, such as "--account=a --cpus-per-task=8 --time=2:00:00";
# they are those of the merge, too. A task that is requeued goes on where it was (--resume). When a task fails, there
# is no merge: the same command once more goes on with the rows that are there.
#
# With $TRACE set, every function of that trace is planned (`sim fleet`), with SCENARIO.toml as the template.
set -eu

if [ $# -lt 3 ]; then
    echo "usage: $0 SHARDS SCENARIO.toml OUT [options of sim sweep]" >&2
    exit 2
fi
shards=$1 scenario=$2 out=$3
shift 3
sim=${SIM:-sim}
mkdir -p "$out"

# Quotes words so that a shell reads them back as they are.
quoted() {
    for word in "$@"; do
        printf " '%s'" "$(printf %s "$word" | sed "s/'/'\\\\''/g")"
    done
}

if [ -n "${TRACE:-}" ]; then
    name=sim-fleet
    what=$(quoted "$sim" fleet "$TRACE" --scenario "$scenario" --out "$out")
else
    name=sim-sweep
    what=$(quoted "$sim" sweep "$scenario" --out "$out")
fi

# shellcheck disable=SC2016
threads='--threads "${SLURM_CPUS_PER_TASK:-1}"'
shard="--shard \"\$SLURM_ARRAY_TASK_ID/$shards\""
# shellcheck disable=SC2086
job=$(sbatch ${SBATCH_OPTIONS:-} --parsable --requeue --job-name="$name" --array="1-$shards" \
    --output="$out/slurm-%A-%a.log" --open-mode=append \
    --wrap "exec $what --resume $threads $shard$(quoted "$@")")
job=${job%%;*}
# Merges only when every shard has been written.
# shellcheck disable=SC2086
merge=$(sbatch ${SBATCH_OPTIONS:-} --parsable --job-name=sim-merge \
    --dependency="afterok:$job" --kill-on-invalid-dep=yes --output="$out/slurm-%j-merge.log" \
    --wrap "exec$(quoted "$sim" merge "$out" --out "$out")")
echo "shards: job $job; merge: job ${merge%%;*}; results will be in $out"
