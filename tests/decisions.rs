//! Plans that were made before, followed: `[policy] decisions`.

use std::fs;
use std::process::{Command, Output};

const HEAD: &str =
    "time_s,effective_s,reason,measured_rate,forecast_rate,memory_mb,batch,timeout_s,meets_slo\n";

fn scenario(policy: &str) -> String {
    format!(
        "seed = 2\n[workload]\nkind = \"poisson\"\nrate = 50\nduration = \"60s\"\n[profile]\nmemory_mb = [1024, 2048]\n\
         batch = [1, 8]\nservice_s = [[0.1, 0.2], [0.05, 0.1]]\n[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\n\
         [policy]\n{policy}\n[output]\nbatches = true\n"
    )
}

fn sim(folder: &std::path::Path, text: &str) -> Output {
    fs::write(folder.join("s.toml"), text).unwrap();
    let command = ["run", "s.toml", "--no-charts", "--quiet", "--out", "out"];
    Command::new(env!("CARGO_BIN_EXE_sim")).args(command).current_dir(folder).output().unwrap()
}

fn batches(folder: &std::path::Path) -> Vec<csv::StringRecord> {
    csv::Reader::from_path(folder.join("out/batches.csv")).unwrap().records().map(Result::unwrap).collect()
}

/// Each batch opens under what took effect last: its size and its wait keep to that, and so does its memory.
#[test]
fn each_batch_opens_under_the_plan_that_took_effect_last() {
    let folder = tempfile::tempdir().unwrap();
    let rows =
        "19.9,20.5,period,50,50,2048,4,0.030000000,true\n40,40.0,rate changed,50,50,2048,8,0.1,false\n";
    fs::write(folder.path().join("d.csv"), format!("{HEAD}{rows}")).unwrap();
    let done = sim(
        folder.path(),
        &scenario("kind = \"adaptive\"\nbatch = 2\ntimeout = \"10ms\"\ndecisions = \"d.csv\""),
    );
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let settings = [(0.0, 2, 0.010, "1024"), (20.5, 4, 0.030, "2048"), (40.0, 8, 0.100, "2048")];
    let mut full = [0; 3];
    for batch in batches(folder.path()) {
        let number = |at: usize| batch[at].parse::<f64>().unwrap();
        let (opened, left, size) = (number(0), number(1), number(4) as usize);
        let place = settings.iter().rposition(|(from, ..)| opened >= *from).unwrap();
        let (from, largest, wait, memory) = settings[place];
        match &batch[5] {
            "full" => assert_eq!(size, largest, "{batch:?}"),
            _ => assert!(size < largest && (left - opened - wait).abs() < 1e-9, "{batch:?}"),
        }
        full[place] += usize::from(&batch[5] == "full");
        // A batch that was open at the change starts on the new function.
        assert!(&batch[9] == memory || left > settings[place + 1].0, "{batch:?} {from}");
    }
    assert!(full.iter().all(|count| *count > 5), "{full:?}");
}

#[test]
fn what_is_no_plan_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let adaptive = scenario("kind = \"adaptive\"\ndecisions = \"d.csv\"");
    for (rows, reason) in [
        ("", "has no plan"),
        ("1,1,period,50,50,1024,2,0.1\n", "found record with 8 fields"),
        ("1,1,period,50,50,1024,9,0.1,true\n", "line 2: batch size 9 is outside the profile"),
        ("1,1,mood,50,50,1024,2,0.1,true\n", "line 2: the reason `mood`"),
        ("1,x,period,50,50,1024,2,0.1,true\n", "line 2: `x` is no time"),
        ("5,5,period,50,50,1024,2,0.1,true\n4,4,period,50,50,1024,2,0.1,true\n", "line 3: is earlier"),
    ] {
        fs::write(folder.path().join("d.csv"), format!("{HEAD}{rows}")).unwrap();
        let told = String::from_utf8_lossy(&sim(folder.path(), &adaptive).stderr).into_owned();
        assert!(told.contains(reason), "{rows}: {told}");
    }
    let both = scenario("kind = \"adaptive\"\ndecisions = \"d.csv\"\nwindow = \"1min\"");
    let told = String::from_utf8_lossy(&sim(folder.path(), &both).stderr).into_owned();
    assert!(told.contains("the plans are those of `decisions`"), "{told}");
    let fixed = scenario("kind = \"batch\"\nbatch = 2\ntimeout = \"1s\"\ndecisions = \"d.csv\"");
    let told = String::from_utf8_lossy(&sim(folder.path(), &fixed).stderr).into_owned();
    assert!(told.contains("only kind = \"adaptive\""), "{told}");
}
