//! `sim profile` and `sim import` from the command line.

use assert_cmd::Command;
use batchsim::profile::Profile;

fn sim() -> Command {
    Command::new(env!("CARGO_BIN_EXE_sim"))
}

#[test]
fn logs_become_a_profile() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("lambda.log");
    let mut text = String::new();
    for (at, (memory, batch, ms)) in
        [(512, 1, 80.0), (512, 4, 200.0), (1024, 1, 40.0), (1024, 4, 100.0)].into_iter().enumerate()
    {
        for i in 0..12 {
            let id = format!("00000000-0000-4000-8000-{:012}", at * 100 + i);
            let ms = ms + f64::from(i as u32 % 3) - 1.0;
            text += &format!("{id} INFO batch={batch}\nREPORT RequestId: {id}\tDuration: {ms:.2} ms\t");
            text += &format!(
                "Billed Duration: {} ms\tMemory Size: {memory} MB\tMax Memory Used: 90 MB\n",
                ms.ceil()
            );
        }
    }
    text +=
        "REPORT RequestId: 00000000-0000-4000-8000-999999999999\tDuration: 1.00 ms\tMemory Size: 512 MB\n";
    std::fs::write(&log, text).unwrap();
    let out = folder.path().join("p.toml");
    let done = sim().args(["import", "lambda-logs"]).arg(&log).arg("--out").arg(&out).assert().success();
    let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
    assert!(said.contains("48 records used, 1 skipped: 1 without a batch size"), "{said}");
    let profile = Profile::read(&out).unwrap();
    assert_eq!(profile.service_s, [[0.08, 0.2], [0.04, 0.1]]);
    let missing =
        sim().args(["import", "lambda-logs"]).arg(&log).args(["--batch-field", "size"]).assert().code(1);
    let said = String::from_utf8_lossy(&missing.get_output().stderr).into_owned();
    assert!(said.contains("--batch-field NAME"), "{said}");
}

/// The same call in five exports, written by hand after the provider's documentation.
#[test]
fn documented_exports_hold_their_call() {
    for name in [
        "filter-log-events.json",
        "query-results.json",
        "insights-console.csv",
        "json-format.jsonl",
        "tail-snapstart.txt",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (out, starts) = (folder.path().join("p.toml"), folder.path().join("starts.csv"));
        let export = format!("{}/tests/exports/{name}", env!("CARGO_MANIFEST_DIR"));
        let mut command = sim();
        command
            .args(["import", "lambda-logs", &export, "--no-charts", "--out"])
            .arg(&out)
            .arg("--arrivals")
            .arg(&starts);
        let done = command.assert().success();
        let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(said.contains("1 records used, 0 skipped"), "{name}: {said}");
        assert!(said.contains("cold starts: 1 of 1 calls"), "{name}: {said}");
        let profile = Profile::read(&out).unwrap();
        assert_eq!((&profile.memory_mb[..], &profile.batch[..]), (&[2048][..], &[4][..]), "{name}");
        assert_eq!((profile.service_s[0][0], profile.init_s[0]), (0.45, 1.3005), "{name}");
        // 2026-02-25T06:13:21.500Z, by START or by the end less 450 ms.
        assert_eq!(std::fs::read_to_string(&starts).unwrap(), "start_s\n1772000001.500000000\n", "{name}");
    }
}

#[test]
fn a_trace_of_starts_needs_times() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("l.txt");
    let report =
        "REPORT RequestId: 5b2d1c0e-0000-4111-8222-00000000000a\tDuration: 450.00 ms\tMemory Size: 2048 MB\n";
    std::fs::write(&log, report).unwrap();
    let arguments = ["--batch", "1", "--arrivals", "a.csv"];
    let done = sim().args(["import", "lambda-logs"]).arg(&log).args(arguments).assert().code(1);
    let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
    assert!(said.contains("none of its 1 calls has a time"), "{said}");
}

#[test]
fn a_server_s_measurements_are_an_instance_or_a_function() {
    let folder = tempfile::tempdir().unwrap();
    let table = |name: &str, infer: u32| {
        let path = folder.path().join(name);
        let text = format!(
            "Concurrency,Inferences/Second,Server Compute Input,Server Compute Infer,Server Compute Output\n1,9,100,{infer},100\n"
        );
        std::fs::write(&path, text).unwrap();
        path
    };
    let files = [table("b1.csv", 9_800), table("b8.csv", 39_800)];
    let out = folder.path().join("p.toml");
    let import = |more: &[&str]| {
        let mut command = sim();
        command
            .args(["import", "triton"])
            .args(&files)
            .args(["--batch", "1,8", "--no-charts", "--out"])
            .arg(&out)
            .args(more);
        command.assert().success();
    };
    import(&[]);
    let instance = batchsim::profile::instance::InstanceProfile::read(&out).unwrap();
    assert_eq!((instance.workers, instance.largest_batch()), (1, 8));
    assert_eq!(instance.at(8).unwrap().of(8).as_secs_f64(), 0.04);
    import(&["--memory-mb", "3008"]);
    assert_eq!(Profile::read(&out).unwrap().service_s, [[0.01, 0.04]]);
}

#[cfg(feature = "profiler")]
mod measured {
    use super::*;

    const MLP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/models/mlp.onnx");

    fn measure(arguments: &[&str]) -> (Profile, String) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("mlp.toml");
        let limit = ["--time-limit", "1s", "--precision", "5"];
        sim().args(["profile", MLP]).args(limit).args(arguments).arg("--out").arg(&out).assert().success();
        (Profile::read(&out).unwrap(), std::fs::read_to_string(&out).unwrap())
    }

    #[test]
    fn the_shipped_model_is_profiled_offline() {
        let (profile, text) = measure(&["--batch", "1,8", "--memory", "512,1769"]);
        assert_eq!((&profile.memory_mb[..], &profile.batch[..]), (&[512, 1769][..], &[1, 8][..]));
        for row in &profile.service_s {
            assert!(row[0] > 0.0 && row[1] >= row[0] * 0.9 && row[1] <= row[0] * 8.0 * 1.0001, "{row:?}");
        }
        let ratio = profile.service_s[0][0] / profile.service_s[1][0];
        assert!((ratio - 1769.0 / 512.0).abs() < 1e-2, "{ratio}");
        assert!(profile.init_s[0] > 0.0 && profile.init_s[0] == profile.init_s[1], "{:?}", profile.init_s);
        assert!(text.contains("[measurement]") && text.contains("runtime = \"tract"), "{text}");
    }

    #[test]
    fn a_model_that_is_loaded_in_the_handler_loads_by_the_share_of_the_processor() {
        let sizes = ["--batch", "1", "--memory", "512,1769", "--load-in", "handler"];
        let (profile, _) = measure(&sizes);
        // Waiting for the disk is not shared.
        let ratio = profile.init_s[0] / profile.init_s[1];
        assert!(ratio > 1.0 && ratio < 1769.0 / 512.0 + 1e-2, "{ratio}");
    }

    #[test]
    fn few_batch_sizes_fill_the_table() {
        let (profile, text) = measure(&["--batch", "1-16", "--memory", "1769", "--fit"]);
        assert_eq!(profile.batch.len(), 16);
        assert!(text.contains("fitted") && text.contains("leave-one-out error"), "{text}");
    }

    #[test]
    fn a_wrong_input_lists_the_models_own() {
        let done = sim().args(["profile", MLP, "--input", "inputs=Nx64"]).assert().code(1);
        let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(said.contains("did you mean `input`?") && said.contains("`input` Nx64 (f32)"), "{said}");
    }

    #[test]
    fn a_memory_size_below_the_peak_is_refused_with_the_need() {
        let done = sim()
            .args(["profile", MLP, "--memory", "1", "--batch", "1", "--time-limit", "1s"])
            .assert()
            .code(1);
        let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(said.contains("more than any memory size asked for"), "{said}");
    }

    /// The chain a user goes through: profile the model, plan on what was measured, run what was planned.
    #[test]
    fn a_measured_profile_is_planned_on_and_what_was_planned_is_run() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let limit = ["--time-limit", "1s", "--precision", "5", "--batch", "1,8", "--memory", "512,1769"];
        sim().args(["profile", MLP]).args(limit).arg("--out").arg(at("mlp.toml")).assert().success();
        assert!(std::fs::read_to_string(at("mlp.svg")).unwrap().contains("512 MB"));
        let scenario = r#"
            name = "chain"
            [workload]
            kind = "poisson"
            rate = 200.0
            requests = 20000
            [profile]
            file = "mlp.toml"
            [platform]
            kind = "lambda"
            book = "aws-2026"
            memory_mb = 512
            cold_starts = false
            [policy]
            kind = "unbatched"
            [slo]
            percentile = 95
            latency = "100ms"
            [sweep]
            memory_mb = [512, 1769]
            batch = [1, 2, 4, 8]
            timeout = { from = "10ms", to = "80ms", step = "10ms" }
        "#;
        std::fs::write(at("chain.toml"), scenario).unwrap();
        let json = |arguments: &[&str]| {
            let mut command = sim();
            command.args(arguments).arg(at("chain.toml")).arg("--out").arg(at("out"));
            let done = command.args(["--json", "--quiet", "--no-charts"]).assert().success();
            serde_json::from_slice::<serde_json::Value>(&done.get_output().stdout).unwrap()
        };
        let plan = json(&["plan"]);
        let best = &plan["recommended"];
        assert!(best["simulated"]["latency_s"]["p95"].as_f64().unwrap() <= 0.1, "{plan:#}");
        let settings = [
            format!("platform.memory_mb={}", best["memory_mb"]),
            "policy.kind=batch".to_owned(),
            format!("policy.batch={}", best["batch"]),
            format!("policy.timeout={}s", best["timeout_s"]),
        ];
        let arguments = settings.iter().flat_map(|setting| ["--set", setting]);
        let run = json(&["run"].into_iter().chain(arguments).collect::<Vec<_>>());
        // The same scenario and seed: what the plan's check saw is what the run shows.
        assert_eq!(run["simulated"]["latency_s"], best["simulated"]["latency_s"]);
        assert_eq!(run["simulated"]["cost_usd"], best["simulated"]["cost_usd"]);
    }
}
