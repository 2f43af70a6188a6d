#!/bin/sh
# A one-node Slurm on this machine for as long as one command runs, by default the test of the array job.
#
#   scripts/try-slurm.sh [COMMAND [ARGUMENT...]]
#
# Needs root on Debian or Ubuntu; installs slurm-wlm and munge where they are missing. The daemons keep key,
# sockets, state and logs in a scratch folder, apart from any Slurm that is set up on the machine. When
# something fails, the folder stays and its name is printed.
set -eu

[ $# -gt 0 ] || set -- cargo test --test scale_out -- --nocapture slurm
cd "$(dirname "$0")/.."

if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends slurm-wlm munge
fi

scratch=$(mktemp -d "${TMPDIR:-/tmp}/slurm.XXXXXX")
chmod 755 "$scratch"
host=$(hostname -s)
export SLURM_CONF="$scratch/slurm.conf"

# Each daemon wrote its own process id: no other Slurm of the machine is touched.
stop() {
    status=$?
    trap - EXIT INT TERM
    scancel --me 2>/dev/null || true
    for daemon in slurmd slurmctld munged; do
        [ ! -s "$scratch/$daemon.pid" ] || kill "$(cat "$scratch/$daemon.pid")" 2>/dev/null || true
    done
    if [ "$status" -eq 0 ]; then
        sleep 1
        rm -rf "$scratch"
    else
        echo "failed; the logs are in $scratch" >&2
    fi
    exit "$status"
}
trap stop EXIT
trap 'exit 130' INT TERM

mkdir "$scratch/munge" "$scratch/state" "$scratch/spool"
(umask 077 && head -c 1024 /dev/urandom >"$scratch/munge/key")
munged --force --key-file="$scratch/munge/key" --socket="$scratch/munge/socket" \
    --pid-file="$scratch/munged.pid" --log-file="$scratch/munge/log" --seed-file="$scratch/munge/seed"
munge --socket="$scratch/munge/socket" --no-input | unmunge --socket="$scratch/munge/socket" >/dev/null

cat >"$SLURM_CONF" <<END
ClusterName=try
SlurmctldHost=$host
AuthType=auth/munge
# A task that is requeued waits as long as its credential may live: 5 s instead of 2 min.
AuthInfo=socket=$scratch/munge/socket,cred_expire=5
SlurmUser=$(id -un)
SlurmctldPort=${SLURMCTLD_PORT:-16817}
SlurmdPort=${SLURMD_PORT:-16818}
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/spool
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/slurmd.pid
SlurmctldLogFile=$scratch/slurmctld.log
SlurmdLogFile=$scratch/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
NodeName=$host CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
END
slurmctld
slurmd

waited=0
until [ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ]; do
    if [ "$waited" -ge 60 ]; then
        echo "no idle node after a minute" >&2
        exit 1
    fi
    waited=$((waited + 1))
    sleep 1
done
sinfo --version
BATCHSIM_SLURM=1 "$@"
