//! What stands under the options of each command's help: commands that one can take and change.

pub(super) const PLAN: &str = "Examples:
  sim plan s.toml                                  what to set, confirmed by simulation
  sim plan s.toml --set slo.latency=300ms          the same for another target
  sim plan s.toml --emit terraform > function.tf   for what deploys it
  sim plan s.toml --max-rate                       how much traffic the scenario's own setting carries";
pub(super) const COMPARE: &str = "Examples:
  sim compare scenarios/compare-twitter.toml
  sim compare s.toml --set workload.duration=2h --json > compare.json";
pub(super) const RUN: &str = "Examples:
  sim run s.toml
  sim run s.toml --set policy.batch=8 --set policy.timeout=50ms
  sim run s.toml --set platform.cold_starts=true --out output/cold";
pub(super) const SWEEP: &str = "Examples:
  sim sweep s.toml                  every configuration, and a page to drag limits over them
  sim sweep s.toml --predict-only   by the law alone: seconds
  sim sweep s.toml --shard 1/4      a quarter of it, for one of four machines";
pub(super) const FLEET: &str = "Examples:
  sim fleet calls.csv --scenario s.toml
  sim fleet calls.csv --scenario s.toml --shard 1/8";
pub(super) const MERGE: &str = "Examples:
  sim merge output/s                            the folder that holds the shards
  sim merge a/shard-1-of-2.csv b/shard-2-of-2.csv --out output/s";
pub(super) const DIFF: &str = "Examples:
  sim diff output/before output/after           two runs, two plans or two sweeps
  sim diff a/plan.json b/plan.json --json";
pub(super) const FIT: &str = "Examples:
  sim fit day.csv
  sim fit log.jsonl.gz --column time --window 1h   a schedule of hours as well";
pub(super) const TRACE: &str = "Examples:
  sim trace info access.log
  sim trace generate s.toml --to day.csv.gz
  sim trace convert day.csv --scale 2 --to twice.csv";
pub(super) const INIT: &str = "Examples:
  sim init                                      asks, in a terminal
  sim init day.csv --profile profiles/resnet-v2.toml --latency 5s
  sim init counts.csv --bin 1min --profile model.onnx --latency 300ms --percentile 99 --to s.toml";
pub(super) const SCHEMA: &str = "Examples:
  sim schema scenario > scenario.schema.json";
pub(super) const COMPLETIONS: &str = "Examples:
  sim completions bash > ~/.local/share/bash-completion/completions/sim
  sim completions zsh > ~/.zfunc/_sim";
pub(super) const MAN: &str = "Examples:
  sim man ~/.local/share/man/man1";
pub(super) const IMPORT: &str = "Examples:
  sim import lambda-logs export.json --out profile.toml
  sim import power-tuning results.json --out profile.toml";
#[cfg(feature = "profiler")]
pub(super) const PROFILE: &str = "Examples:
  sim profile model.onnx
  sim profile model.onnx --batch 1-8 --memory 1024,1769,3008 --out model.toml";
#[cfg(feature = "serve")]
pub(super) const SERVE: &str = "Examples:
  sim serve s.toml --upstream http://127.0.0.1:9000/infer
  sim serve s.toml --upstream http://127.0.0.1:9000/infer --log output/served";
#[cfg(feature = "serve")]
pub(super) const OBSERVE: &str = "Examples:
  sim observe s.toml --target http://127.0.0.1:8080/infer";
pub(super) const BACKTEST: &str = "Examples:
  sim backtest output/served                    a folder of sim serve or sim observe
  sim backtest calls.csv --split 0.6 --tolerate p95=5%
  sim backtest export.json.gz --memory 1769 --set platform.keep_alive=5min";
