//! `sim run` as a user meets it: files, JSON, errors, exit status.

use assert_cmd::Command;

const SCENARIO: &str = "name = \"small\"\nseed = 7\n[workload]\nkind = \"mmpp\"\nrates = [10, 100]\n\
    sojourns = [60, 5]\nrequests = 20000\n[profile]\nmemory_mb = [1024]\nbatch = [1, 8]\n\
    service_s = [[0.026, 0.068]]\n[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\n\
    cold_starts = true\n[policy]\nkind = \"batch\"\nbatch = 8\ntimeout = \"200ms\"\n\
    [slo]\nlatency = \"500ms\"\n[output]\nbatches = true\nhours = true\n";

struct Place(tempfile::TempDir);

impl Place {
    fn with(text: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("small.toml"), text).unwrap();
        Place(folder)
    }

    fn sim(&self, args: &[&str]) -> assert_cmd::assert::Assert {
        Command::cargo_bin("sim").unwrap().current_dir(self.0.path()).args(args).assert()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join("output/small").join(name)).unwrap()
    }
}

fn stderr(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn writes_what_the_contract_names_and_nothing_else() {
    let place = Place::with(SCENARIO);
    let run = place.sim(&["run", "small.toml", "--json", "--quiet"]).success();
    let printed: serde_json::Value = serde_json::from_slice(&run.get_output().stdout).unwrap();
    let written: serde_json::Value = serde_json::from_str(&place.read("summary.json")).unwrap();
    assert_eq!(printed, written);
    for key in ["mean", "p50", "p90", "p95", "p99", "max"] {
        assert!(written["simulated"]["latency_s"][key].as_f64().unwrap() > 0.0, "{key}");
    }
    assert_eq!(written["requests"], 20_000);
    assert!(written["simulated"]["cold_starts"].as_u64().unwrap() > 0);
    assert!(written["error"]["p95"].is_number() && written["predicted"]["mean_batch"].is_number());
    let curve = written["keep_alive_curve"].as_array().unwrap();
    let seconds = |point: &serde_json::Value| point["keep_alive_s"].as_f64().unwrap();
    assert!(curve.windows(2).all(|pair| seconds(&pair[0]) < seconds(&pair[1])));
    let written_there = "keep_alive = \"7s\"";
    let place_there =
        Place::with(&SCENARIO.replace("cold_starts = true", &format!("cold_starts = true\n{written_there}")));
    place_there.sim(&["run", "small.toml", "--quiet"]).success();
    let there: serde_json::Value = serde_json::from_str(&place_there.read("summary.json")).unwrap();
    let own =
        there["keep_alive_curve"].as_array().unwrap().iter().find(|point| seconds(point) == 7.0).unwrap();
    assert_eq!(own["cold_starts"], there["simulated"]["cold_starts"]);
    assert!(place.read("charts/cold-starts.svg").contains("Cold starts against keep-alive"));
    assert!(run.get_output().stderr.is_empty());
    let batches = place.read("batches.csv");
    assert_eq!(batches.lines().count() as u64, written["batches"].as_u64().unwrap() + 1);
    assert!(batches.lines().nth(1).unwrap().contains("timeout") || batches.contains("full"));
    assert!(place.read("hours.csv").starts_with("hour,requests,rate_per_s,p50_s,p95_s,p99_s,cost_usd"));
    let page = place.read("index.html");
    assert!(page.contains("<svg"));
    assert_eq!(page.matches("<script").count(), 1, "no script but the page's own");
    let names = std::fs::read_dir(place.0.path().join("output/small")).unwrap();
    let mut names: Vec<String> = names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["batches.csv", "charts", "hours.csv", "index.html", "summary.json"]);
}

#[test]
fn the_same_bytes_at_any_number_of_threads() {
    let place = Place::with(&SCENARIO.replace("seed = 7", "seed = 7\nreplications = 4"));
    place.sim(&["run", "small.toml", "--threads", "1", "--quiet"]).success();
    let alone = (place.read("summary.json"), place.read("batches.csv"), place.read("index.html"));
    place.sim(&["run", "small.toml", "--threads", "3", "--quiet"]).success();
    assert_eq!(alone, (place.read("summary.json"), place.read("batches.csv"), place.read("index.html")));
}

#[test]
fn bad_input_names_the_place_and_the_mend_and_leaves_nothing() {
    let cases = [
        ("timeout = \"200ms\"", "timout = \"200ms\"", "did you write `timout` for `timeout`?"),
        ("batch = 8\n", "batch = 9\n", "batch size 9 is outside the profile of model, which covers 1 to 8"),
        ("memory_mb = 1024\n", "memory_mb = 64\n", "aws-2026 offers 128 to 10,240 MB"),
        ("aws-2026", "aws-2027", "no price book `aws-2027`"),
        ("\"mmpp\"", "\"mmppp\"", "did you mean `mmpp`?"),
        ("[10, 100]", "[10, -100]", "must not be negative"),
        ("\"200ms\"", "\"200\"", "is no duration"),
        ("requests = 20000\n", "", "[workload] has no end"),
        ("name = \"small\"", "name = \"../small\"", "it names the output folder"),
        ("name = \"small\"", "name = \"small", "small.toml:1"),
    ];
    for (from, to, message) in cases {
        let place = Place::with(&SCENARIO.replacen(from, to, 1));
        let run = place.sim(&["run", "small.toml"]).code(1);
        let text = stderr(&run);
        assert!(text.contains("small.toml") && text.contains(message), "{to}: {text}");
        assert!(!place.0.path().join("output").exists(), "{to}");
    }
}

#[test]
fn wrong_usage_is_status_two() {
    let place = Place::with(SCENARIO);
    place.sim(&["run"]).code(2);
    place.sim(&["run", "small.toml", "--model", "other"]).code(2);
    place.sim(&["run", "absent.toml"]).code(1);
}

#[test]
fn an_override_changes_one_field() {
    let place = Place::with(SCENARIO);
    place.sim(&["run", "small.toml", "--quiet", "--set", "policy.batch=2", "--seed", "9"]).success();
    let written: serde_json::Value = serde_json::from_str(&place.read("summary.json")).unwrap();
    assert_eq!((written["batch"].as_u64(), written["seed"].as_u64()), (Some(2), Some(9)));
    assert_eq!(written["simulated"]["batch_size"].as_array().unwrap().len(), 2);
}

#[test]
fn results_below_output_are_linked_and_others_are_not() {
    let place = Place::with(SCENARIO);
    let run = |more: &[&str]| place.sim(&[&["run", "small.toml", "--quiet"], more].concat()).success();
    let index = place.0.path().join("output/index.html");
    run(&["--no-charts"]);
    run(&["--out", "elsewhere"]);
    assert!(!index.exists() && !place.0.path().join("index.html").exists());
    run(&["--out", "output/b/of 2", "--set", "policy.batch=2"]);
    let page = std::fs::read_to_string(&index).unwrap();
    assert!(page.contains("<a href=\"small/summary.json\">small</a>"), "{page}");
    assert!(page.contains("<a href=\"b/of%202/index.html\">b/of 2</a>"), "{page}");
    assert!(page.contains("batches of up to 2 within 200 ms") && page.contains("2 results"), "{page}");
    run(&["--out", "output/b/of 2", "--set", "policy.batch=2"]);
    assert_eq!(page, std::fs::read_to_string(&index).unwrap());
}

#[test]
fn a_run_and_a_plan_of_one_scenario_keep_their_pages() {
    let place = Place::with(SCENARIO);
    let target = ["--quiet", "--set", "slo.latency=2s"];
    place.sim(&[&["run", "small.toml"], &target[..]].concat()).success();
    let run = place.read("index.html");
    place.sim(&[&["plan", "small.toml"], &target[..]].concat()).success();
    assert_eq!(place.read("run.html"), run);
    let plan = place.read("plan.html");
    assert!(plan.contains("<title>small: plan</title>"), "{}", &plan[..400]);
    let both = place.read("index.html");
    assert!(both.contains("href=\"run.html\"") && both.contains("href=\"plan.html\""), "{both}");
    place.sim(&[&["run", "small.toml", "--seed", "8"], &target[..]].concat()).success();
    assert_ne!(place.read("run.html"), run);
    assert_eq!((place.read("plan.html"), place.read("index.html")), (plan, both));
    // The index of all results leads to each of them.
    let all = std::fs::read_to_string(place.0.path().join("output/index.html")).unwrap();
    assert!(all.contains("\"small/run.html\"") && all.contains("\"small/plan.html\""), "{all}");
}

/// By the file of batches: each environment is there from its first call until its keep-alive after the last has passed.
#[test]
fn environments_are_those_of_the_batches() {
    let rules = "cold_starts = true\nkeep_alive = \"7s\"";
    let place = Place::with(&SCENARIO.replace("cold_starts = true", rules));
    place.sim(&["run", "small.toml", "--quiet", "--no-charts"]).success();
    let batches = place.read("batches.csv");
    let mut rows = csv::Reader::from_reader(batches.as_bytes());
    let names: Vec<String> = rows.headers().unwrap().iter().map(str::to_owned).collect();
    let at = |name: &str| names.iter().position(|column| column == name).unwrap();
    let (started, finished, environment) = (at("started_s"), at("finished_s"), at("environment"));
    let mut lives: std::collections::BTreeMap<u32, (f64, f64)> = std::collections::BTreeMap::new();
    for row in rows.records() {
        let row = row.unwrap();
        let second = |column: usize| row[column].parse::<f64>().unwrap();
        let life = lives.entry(row[environment].parse().unwrap()).or_insert((second(started), 0.0));
        life.1 = second(finished);
    }
    let end = lives.values().map(|life| life.1).fold(0.0, f64::max);
    let gone = |life: &(f64, f64)| (life.1 + 7.0).min(end);
    let mean = lives.values().map(|life| gone(life) - life.0).sum::<f64>() / end;
    let there = |when: f64| lives.values().filter(|life| life.0 <= when && when <= gone(life)).count();
    let peak = lives.values().map(|life| there(life.0)).max().unwrap();
    let summary: serde_json::Value = serde_json::from_str(&place.read("summary.json")).unwrap();
    let told = &summary["simulated"]["environments"];
    assert!((told["mean"].as_f64().unwrap() / mean - 1.0).abs() < 1e-6, "{told} {mean}");
    assert_eq!(told["peak"].as_u64().unwrap(), peak as u64);
    assert!(told["mean"].as_f64().unwrap() > summary["simulated"]["mean_concurrency"].as_f64().unwrap());
}

#[test]
fn prices_of_arm64_say_that_times_must_be_of_arm64_too() {
    let place = Place::with(SCENARIO);
    for (more, says) in [(&[][..], false), (&["--set", "platform.architecture=arm64"][..], true)] {
        let run = place.sim(&[&["run", "small.toml", "--quiet", "--no-charts"], more].concat()).success();
        let text = String::from_utf8(run.get_output().stdout.clone()).unwrap();
        assert_eq!(text.contains("Prices are those of arm64."), says, "{text}");
    }
}

#[test]
fn the_answer_comes_first() {
    let place = Place::with(SCENARIO);
    for (latency, answer) in
        [("1h", "SLO met: 0 % over 1 h, 5 % may be."), ("1ms", "SLO missed: 100 % over 1 ms, 5 % may be.")]
    {
        let target = format!("slo.latency={latency}");
        let run = place.sim(&["run", "small.toml", "--quiet", "--set", &target]).success();
        let text = String::from_utf8(run.get_output().stdout.clone()).unwrap();
        let third = text.lines().nth(2).unwrap();
        assert!(third.starts_with(answer), "{text}");
        let summary: serde_json::Value = serde_json::from_str(&place.read("summary.json")).unwrap();
        let simulated = &summary["simulated"];
        let figure = |at: &str| simulated.pointer(at).unwrap().as_f64().unwrap();
        let million = batchsim::report::format::money(figure("/cost_usd_per_million"));
        let month = batchsim::report::format::money(figure("/cost_usd_per_month"));
        let p95 = batchsim::report::format::duration(figure("/latency_s/p95"));
        let figures =
            format!("p95 {p95}, {million} a million requests, {month} a month (730 h at this rate).");
        assert!(third.ends_with(&figures), "{third}\n{figures}");
        assert_eq!(text.matches(answer).count(), 1, "nothing is said twice");
        let page = place.read("index.html");
        assert!(page.find(answer).unwrap() < page.find("class=\"cards\"").unwrap());
    }
}

/// `script` gives a command a terminal of its own.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_long_work_says_how_far_it_is_and_leaves_the_result_alone() {
    use std::io::Write as _;
    if std::process::Command::new("script").arg("--version").output().is_err() {
        writeln!(std::io::stderr(), "skipped: `script` is not there to make a terminal").unwrap();
        return;
    }
    let system = |i: u32| {
        format!(
            "[[system]]\nname = \"s{i}\"\nkind = \"lambda\"\npolicy = {{ kind = \"batch\", batch = 8, timeout = \"{i}ms\" }}\n"
        )
    };
    let systems: String = (1..30).map(system).collect();
    // However fast the machine: as much work as takes three times of what needs no word (.4 s).
    let mut requests = 100_000;
    let place = loop {
        let asked = format!("requests = {requests}");
        let place = Place::with(&(SCENARIO.replace("requests = 20000", &asked) + &systems));
        let started = std::time::Instant::now();
        place.sim(&["compare", "small.toml", "--no-charts", "--quiet"]).success();
        if started.elapsed() > std::time::Duration::from_millis(1200) {
            break place;
        }
        requests *= 2;
    };
    let program = env!("CARGO_BIN_EXE_sim");
    for (quiet, told) in [("", true), ("--quiet", false)] {
        let command = format!("{program} compare small.toml --no-charts {quiet}");
        let mut script = std::process::Command::new("script");
        let output =
            script.args(["-qec", &command, "/dev/null"]).current_dir(place.0.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        assert_eq!(text.contains("at work after"), told, "{text}");
        let last = text.rfind("at work after").unwrap_or(0);
        assert!(
            text[last..].contains("Cheapest within the SLO: "),
            "the line goes before the result comes: {text}"
        );
    }
}
