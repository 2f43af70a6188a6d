#!/usr/bin/env bash
# The loop closed on one machine: a function, sim serve in front of it, sim observe in front of that, and the log replayed.
#
#   scripts/try-serve.sh [DIR]            everything is written to DIR (default output/try-serve)
#   LAMBDA=1 scripts/try-serve.sh [DIR]   the function runs in a stand-in for Lambda, called by its Invoke API
#
# It needs Python 3.10 or later with venv; onnxruntime and the stand-in come from PyPI. MEMORY, RATE, BATCH, TIMEOUT and
# REQUESTS may be set, and SIM to a binary that is built already. Where control groups can be made, the function gets the
# share of a processor that goes with its memory size. All of it is on loopback. The rate keeps two cores below half, as
# client, gateway and function share them.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
out=$(mkdir -p "${1:-$root/output/try-serve}" && cd "${1:-$root/output/try-serve}" && pwd)
rate=${RATE:-100} batch=${BATCH:-8} timeout=${TIMEOUT:-30ms} requests=${REQUESTS:-2000} memory=${MEMORY:-1769}
lambda=${LAMBDA:-} packages=onnxruntime feature=serve
[ -z "$lambda" ] || packages="onnxruntime ministack boto3" feature=lambda

if [ -z "${SIM:-}" ]; then
  echo "== building sim with the feature $feature"
  (cd "$root" && cargo build --quiet --release --features "$feature")
fi
sim=${SIM:-${CARGO_TARGET_DIR:-$root/target}/release/sim}

echo "== a Python with $packages"
[ -x "$out/venv/bin/python" ] || python3 -m venv "$out/venv"
# shellcheck disable=SC2086
"$out/venv/bin/python" -c "import ${packages// /, }" 2>/dev/null || "$out/venv/bin/pip" install --quiet $packages

pids=() warm=() groups=()
finish() {
  [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
  wait
  [ ${#groups[@]} -eq 0 ] || rmdir "${groups[@]}" 2>/dev/null || true
}
trap finish EXIT

# The first line of a file that another process writes.
first_line() {
  for _ in $(seq 200); do
    if [ -s "$1" ]; then head -n 1 "$1"; return; fi
    sleep 0.1
  done
  echo "nothing came in $1" >&2
  return 1
}

# Gives the process and what it starts the share of a processor of the memory size: 1,769 MB are one.
quota() {
  local group share=$((100000 * memory / 1769))
  for group in /sys/fs/cgroup/cpu/try-serve-$$ /sys/fs/cgroup/try-serve-$$; do
    mkdir "$group" 2>/dev/null || continue
    groups+=("$group")
    { echo "$share" > "$group/cpu.cfs_quota_us" || echo "$share 100000" > "$group/cpu.max"; } 2>/dev/null || continue
    if { echo "$1" > "$group/cgroup.procs"; } 2>/dev/null; then
      echo "a processor quota of $memory MB / 1769 MB"
      return
    fi
  done
  echo "no processor quota: this machine lets us make no control group"
}

echo "== the function: profiles/models/mlp.onnx"
rm -f "$out/function.port" "$out/serve.err"
if [ -n "$lambda" ]; then
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
  port=$("$out/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  endpoint=http://127.0.0.1:$port
  LAMBDA_EXECUTOR=local BIND_HOST=127.0.0.1 GATEWAY_PORT=$port IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 \
    "$out/venv/bin/ministack" > "$out/stand-in.log" 2>&1 &
  pids+=($!)
  quota $!
  for _ in $(seq 100); do curl --silent --fail "$endpoint/_ministack/ready" > /dev/null && break; sleep 0.2; done
  "$out/venv/bin/python" "$root/examples/function/create.py" "$endpoint" mlp "$memory"
  function=$endpoint/2015-03-31/functions/mlp/invocations
  upstream=(lambda:mlp --lambda-endpoint "$endpoint")
else
  "$out/venv/bin/python" "$root/examples/function/server.py" 0 > "$out/function.port" &
  pids+=($!)
  quota $!
  function=http://127.0.0.1:$(first_line "$out/function.port")/
  upstream=("${function%/}")
fi
"$out/venv/bin/python" "$root/examples/function/measure.py" "$function" "$memory" > "$out/profile.toml"
grep service_s "$out/profile.toml"

cat > "$out/scenario.toml" <<TOML
name = "try-serve"
seed = 11
[workload]
kind = "poisson"
rate = $rate
requests = $requests
[profile]
file = "profile.toml"
[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = $memory
[policy]
kind = "batch"
batch = $batch
timeout = "$timeout"
[slo]
percentile = 95
latency = "100ms"
TOML
"$out/venv/bin/python" - > "$out/payload.json" <<'PY'
import json, random
print(json.dumps({"instances": [[random.random() for _ in range(64)]]}))
PY

echo "== the gateway, and the observer in front of it"
"$sim" serve "$out/scenario.toml" --upstream "${upstream[@]}" --listen 127.0.0.1:0 --log "$out/log" 2> "$out/serve.err" &
gateway=$!
pids+=("$gateway")
address=$(first_line "$out/serve.err" | sed 's/.*http:\/\/\([0-9.:]*\): .*/\1/')
# The first calls find cold caches, and a stand-in for Lambda that has no environment yet for each that runs beside others.
for _ in $(seq 4); do
  curl --silent --show-error --fail --data @"$out/payload.json" "$function" > /dev/null &
  warm+=($!)
done
wait "${warm[@]}"
curl --silent --show-error --fail --data @"$out/payload.json" "http://$address/v1/models/mlp:predict" > /dev/null
"$sim" observe "$out/scenario.toml" --target "http://$address/v1/models/mlp:predict" --payload "$out/payload.json" --out "$out/observed"
kill -TERM "$gateway"
wait "$gateway"
tail -n 1 "$out/serve.err"

echo "== the log, replayed by the simulator"
sed "s|^kind = \"poisson\"|kind = \"trace\"\nfile = \"log/requests.csv\"\ncolumn = \"arrived_s\"|; /^rate = /d; /^requests = /d" \
  "$out/scenario.toml" > "$out/replay.toml"
printf '[output]\nbatches = true\n' >> "$out/replay.toml"
"$sim" run "$out/replay.toml" --quiet --out "$out/replayed" > "$out/replayed.txt"
"$out/venv/bin/python" - "$out" <<'PY'
import csv, sys
out = sys.argv[1]
real = [(row["opened_s"], row["size"]) for row in csv.DictReader(open(f"{out}/log/batches.csv"))]
same = [(row["opened_s"], row["size"]) for row in csv.DictReader(open(f"{out}/replayed/batches.csv"))]
equal = sum(a == b for a, b in zip(real, same))
print(f"{equal} of {len(real)} batches are the simulator's, which has {len(same)}")
late = sorted(float(row["left_s"]) - float(row["opened_s"]) for row in csv.DictReader(open(f"{out}/log/batches.csv")) if row["cause"] == "timeout")
if late:
    print(f"batches that timed out waited {late[len(late) // 2] * 1e3:.3f} ms in the median, {late[int(len(late) * 0.99)] * 1e3:.3f} ms at p99")
sys.exit(real != same)
PY
echo "== charts and pages: $out/observed/index.html"
