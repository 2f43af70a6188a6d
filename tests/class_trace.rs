//! A trace of which a column says the class, and groups of classes to run: against what stands in the file, counted here
//! by hand.

mod common;

use batchsim::numeric::streams::Streams;
use common::{Folder, LAMBDA, replayed};
use rand::RngExt as _;
use serde_json::Value;

const BATCH: usize = 5;
/// The longest wait of each class [ns].
const WAITS: [(&str, u64); 3] = [("chat", 50_000_000), ("search", 300_000_000), ("mail", 2_000_000_000)];
const NAMES: [&str; 3] = ["chat", "search", "mail"];

/// Arrivals [us] with the place of their class in [`NAMES`]: Poisson, the mails only from the second half on.
fn requests(count: usize) -> Vec<(u64, usize)> {
    let mut stream = Streams::new(9).stream("requests");
    let mut now = 0.0;
    let one = |i: usize| {
        let uniform: f64 = stream.random();
        now += -(1.0 - uniform).ln() / 20.0;
        let draw: f64 = stream.random();
        let class = match (draw, i > count / 2) {
            (draw, _) if draw < 0.3 => 0,
            (draw, true) if draw > 0.8 => 2,
            _ => 1,
        };
        ((now * 1e6) as u64, class)
    };
    (0..count).map(one).collect()
}

fn scenario(workload: &str, policy: &str) -> String {
    let classes: String = WAITS
        .iter()
        .map(|(name, wait)| match policy.contains("groups") {
            true => format!("[[class]]\nname = \"{name}\"\nslo = {{ percentile = 90, latency = \"400ms\" }}\n"),
            false => format!(
                "[[class]]\nname = \"{name}\"\nlongest_wait = \"{wait}ns\"\nslo = {{ percentile = 90, latency = \"400ms\" }}\n"
            ),
        })
        .collect();
    format!(
        "[workload]\nkind = \"trace\"\n{workload}\n[profile]\nmemory_mb = [1024]\nbatch = [1, 5]\n\
         service_s = [[0.1, 0.2]]\n{LAMBDA}[policy]\n{policy}\n{classes}"
    )
}

/// The scenario without its last class.
fn without_mail(text: &str) -> String {
    text[..text.rfind("[[class]]").unwrap()].to_owned()
}

const TOGETHER: &str = "kind = \"batch\"\nbatch = 5";

/// The latencies [s] of each class by the rule.
fn by_hand(requests: &[(u64, usize)], members: &[usize]) -> Vec<Vec<f64>> {
    let first = requests[0].0;
    let own = requests.iter().filter(|(_, class)| members.contains(class));
    let arrivals: Vec<_> = own.map(|(micros, class)| ((micros - first) * 1000, *class, 0.0)).collect();
    let service = |n: usize, _| 100_000_000 + (n as u64 - 1) * 25_000_000;
    let found = replayed(&arrivals, BATCH, &WAITS.map(|(_, wait)| wait), service);
    found.into_iter().map(|class| class.latencies).collect()
}

fn check(classes: &Value, members: &[usize], latencies: &[Vec<f64>]) {
    for (place, class) in members.iter().enumerate() {
        let (figures, own) = (&classes[place], &latencies[*class]);
        assert_eq!(figures["name"], NAMES[*class]);
        let mean = own.iter().sum::<f64>() / own.len() as f64;
        let found = figures["latency_s"]["mean"].as_f64().unwrap();
        assert!((found / mean - 1.0).abs() < 1e-9, "{class}: {found} {mean}");
        let max = own.iter().copied().fold(0.0, f64::max);
        assert_eq!(figures["latency_s"]["max"], max);
        let over = own.iter().filter(|latency| **latency > 0.4).count() as f64 / own.len() as f64;
        let found = figures["slo_violation_share"].as_f64().unwrap();
        assert!((found - over).abs() < 1e-12, "{class}: {found} {over}");
    }
}

fn csv(requests: &[(u64, usize)]) -> String {
    let row = |(at, class): &(u64, usize)| format!("{at},{},200\n", NAMES[*class]);
    let rows: String = requests.iter().map(row).collect();
    format!("time_us,model,status\n{rows}")
}

#[test]
fn each_request_of_a_table_or_of_json_has_its_class() {
    let requests = requests(6000);
    let latencies = by_hand(&requests, &[0, 1, 2]);
    let folder = Folder::new();
    folder.write("a.csv", &csv(&requests));
    let object = |(at, class): &(u64, usize)| {
        format!("{{\"t_us\": {at}, \"call\": {{\"model\": \"{}\"}}}}\n", NAMES[*class])
    };
    folder.write("a.jsonl", &requests.iter().map(object).collect::<String>());
    let workloads = [
        "file = \"a.csv\"\nclass_column = \"model\"",
        "file = \"a.csv\"\nclass_column = \"2\"\nwhere = \"status < 500\"",
        "file = \"a.jsonl\"\ncolumn = \"t_us\"\nunit = \"us\"\nclass_column = \"call.model\"",
    ];
    for workload in workloads {
        let run = folder.run(&scenario(workload, TOGETHER));
        assert_eq!(run["requests"], 6000);
        check(&run["simulated"]["classes"], &[0, 1, 2], &latencies);
    }
}

#[test]
fn several_files_in_no_order_are_one_trace() {
    let requests = requests(3000);
    let folder = Folder::new();
    let odd: Vec<_> = requests.iter().step_by(2).rev().copied().collect();
    let even: Vec<_> = requests.iter().skip(1).step_by(2).copied().collect();
    folder.write("1.csv", &csv(&odd));
    folder.write("2.csv", &csv(&even));
    let run = folder
        .run(&scenario("file = [\"1.csv\", \"2.csv\"]\nclass_column = \"model\"\nsort = true", TOGETHER));
    check(&run["simulated"]["classes"], &[0, 1, 2], &by_hand(&requests, &[0, 1, 2]));
}

#[test]
fn records_of_one_time_come_in_the_order_of_the_file() {
    // Three or so of each time.
    let coarse = |(at, class): &(u64, usize)| (at / 150_000 * 150_000, *class);
    let requests: Vec<_> = requests(6000).iter().map(coarse).collect();
    let mixed = requests.windows(2).filter(|pair| pair[0].0 == pair[1].0 && pair[0].1 > pair[1].1);
    assert!(mixed.count() > 500);
    let folder = Folder::new();
    folder.write("a.csv", &csv(&requests));
    let exact = "class_column = \"model\"\nstamps = \"exact\"";
    let run = folder.run(&scenario(&format!("file = \"a.csv\"\n{exact}"), TOGETHER));
    check(&run["simulated"]["classes"], &[0, 1, 2], &by_hand(&requests, &[0, 1, 2]));
    // In another order, it is that order; of several files, the first comes first.
    let mut back: Vec<_> = requests.iter().rev().copied().collect();
    folder.write("b.csv", &csv(&back));
    back.sort_by_key(|(at, _)| *at);
    let run = folder.run(&scenario(&format!("file = \"b.csv\"\nsort = true\n{exact}"), TOGETHER));
    check(&run["simulated"]["classes"], &[0, 1, 2], &by_hand(&back, &[0, 1, 2]));
    let parts: [Vec<_>; 2] = [0, 1].map(|part| requests.iter().skip(part).step_by(2).copied().collect());
    let mut both = parts.concat();
    both.sort_by_key(|(at, _)| *at);
    folder.write("1.csv", &csv(&parts[0]));
    folder.write("2.csv", &csv(&parts[1]));
    let run = folder.run(&scenario(&format!("file = [\"1.csv\", \"2.csv\"]\n{exact}"), TOGETHER));
    check(&run["simulated"]["classes"], &[0, 1, 2], &by_hand(&both, &[0, 1, 2]));
}

#[test]
fn a_part_of_the_trace_begins_for_all_classes_at_once() {
    let requests = requests(4000);
    let folder = Folder::new();
    folder.write("a.csv", &csv(&requests));
    // Before the second half there is no mail at all.
    let first = requests[0].0;
    let early: Vec<_> = requests.iter().filter(|(at, _)| at - first < 20_000_000).copied().collect();
    let text = scenario("file = \"a.csv\"\nclass_column = \"model\"\nuntil = \"20s\"", TOGETHER);
    folder.refused(&text, &["no request of class `mail`"]);
    let two = without_mail(&text);
    let run = folder.run(&two);
    check(&run["simulated"]["classes"], &[0, 1], &by_hand(&early, &[0, 1]));
}

#[test]
fn records_of_no_class_are_counted() {
    let requests = requests(4000);
    let mails = requests.iter().filter(|(_, class)| *class == 2).count();
    let folder = Folder::new();
    folder.write("a.csv", &csv(&requests));
    let text = scenario("file = \"a.csv\"\nclass_column = \"model\"", TOGETHER);
    let two = without_mail(&text);
    let run = folder.run(&two);
    assert_eq!(run["requests"], 4000 - mails);
    let notes = run["notes"].to_string();
    assert!(notes.contains(&format!("{mails} lines that are of no [[class]]")), "{notes}");
    check(&run["simulated"]["classes"], &[0, 1], &by_hand(&requests, &[0, 1]));
}

/// Names with quotes, delimiters and line breaks, in a table as CSV writes them and in JSON as JSON does.
#[test]
fn names_in_quotes_are_read_as_they_are_written() {
    let requests = requests(3000);
    let latencies = by_hand(&requests, &[0, 1, 2]);
    let folder = Folder::new();
    let names = ["a \"b\"", "\"", "say \"hi\", \"all\"\"; bye"];
    let mut text = scenario("FILE", TOGETHER);
    for (plain, name) in NAMES.iter().zip(names) {
        text = text.replace(&format!("name = \"{plain}\""), &format!("name = '{name}'"));
    }
    let mut writer = csv::Writer::from_path(folder.path("a.csv")).unwrap();
    writer.write_record(["time_us", "the \"model\""]).unwrap();
    for (at, class) in &requests {
        writer.write_record([&at.to_string(), names[*class]]).unwrap();
    }
    writer.flush().unwrap();
    let object = |(at, class): &(u64, usize)| {
        format!("{}\n", serde_json::json!({ "time_us": at, "the \"model\"": names[*class] }))
    };
    folder.write("a.jsonl", &requests.iter().map(object).collect::<String>());
    for file in ["a.csv", "a.jsonl"] {
        let trace = format!("file = \"{file}\"\nclass_column = 'the \"model\"'");
        let mut run = folder.run(&text.replace("FILE", &trace));
        for (class, name) in names.iter().enumerate() {
            let own = run.pointer_mut(&format!("/simulated/classes/{class}/name")).unwrap();
            assert_eq!(own, name);
            *own = NAMES[class].into();
        }
        check(&run["simulated"]["classes"], &[0, 1, 2], &latencies);
    }
    // A condition compares the same text.
    let trace = "file = \"a.csv\"\nclass_column = 'the \"model\"'";
    let few = format!("{trace}\n{}", r#"where = "`the \"model\"` != '\"'""#);
    folder.refused(&text.replace("FILE", &few), &["has no record of class `\"`"]);
}

/// The hours of the trace are Poisson, so their fits and shares predict what happened.
#[test]
fn the_law_of_each_class_is_near_what_happened() {
    let requests = requests(60_000);
    let folder = Folder::new();
    folder.write("a.csv", &csv(&requests));
    let run = folder.run(&scenario("file = \"a.csv\"\nclass_column = \"model\"", TOGETHER));
    for class in 0..2 {
        let of = |block: &str, name: &str| run[block]["classes"][class]["latency_s"][name].as_f64().unwrap();
        for name in ["mean", "p50", "p95"] {
            let (law, run) = (of("predicted", name), of("simulated", name));
            assert!((law / run - 1.0).abs() < 0.03, "{class} {name}: {law} {run}");
        }
    }
}

#[test]
fn coarse_stamps_are_spread_by_the_clock_of_the_whole_trace() {
    let requests = requests(4000);
    let folder = Folder::new();
    let whole: Vec<_> = requests.iter().map(|(at, class)| (at / 1_000_000 * 1_000_000, *class)).collect();
    folder.write("a.csv", &csv(&whole));
    let run = folder.run(&scenario("file = \"a.csv\"\nclass_column = \"model\"", TOGETHER));
    assert_eq!(run["stamps"], "spread");
    // Spread evenly, the batches are nearly those of the true times; as they stand, nearly all would be full.
    let fine = by_hand(&requests, &[0, 1, 2]);
    let mean = fine[1].iter().sum::<f64>() / fine[1].len() as f64;
    let found = run["simulated"]["classes"][1]["latency_s"]["mean"].as_f64().unwrap();
    assert!((found / mean - 1.0).abs() < 0.05, "{found} {mean}");
}

const GROUPS: &str = "kind = \"groups\"\n[[policy.group]]\nclasses = [\"search\", \"chat\"]\nmemory_mb = 1024\nbatch = 5\n\
                      longest_wait = [\"300ms\", \"50ms\"]\n[[policy.group]]\nclasses = [\"mail\"]\nmemory_mb = 1024\nbatch = 5\nlongest_wait = [\"2s\"]";

#[test]
fn groups_run_side_by_side_on_the_same_requests() {
    let requests = requests(6000);
    let folder = Folder::new();
    folder.write("a.csv", &csv(&requests));
    let run = folder.run(&scenario("file = \"a.csv\"\nclass_column = \"model\"", GROUPS));
    check(&run["groups"][0]["simulated"]["classes"], &[1, 0], &by_hand(&requests, &[0, 1]));
    let mut alone = by_hand(&requests, &[0, 1]);
    // Time 0 is that of the trace for each group.
    alone[2] = by_hand(&requests, &[2])[2].clone();
    check(&run["simulated"]["classes"], &[0, 1, 2], &alone);
    assert_eq!(run["requests"], 6000);
    let shares: f64 = (0..3).map(|k| run["simulated"]["classes"][k]["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    // One group of all is the buffer of all.
    let one = GROUPS.split("[[policy.group]]\nclasses = [\"mail\"]").next().unwrap();
    let one = one.replace("[\"search\", \"chat\"]", "[\"search\", \"chat\", \"mail\"]");
    let one = one.replace("\"50ms\"]", "\"50ms\", \"2s\"]");
    let run = folder.run(&scenario("file = \"a.csv\"\nclass_column = \"model\"", &one));
    check(&run["simulated"]["classes"], &[0, 1, 2], &by_hand(&requests, &[0, 1, 2]));
}

#[test]
fn what_cannot_act_is_refused() {
    let folder = Folder::new();
    folder.write("a.csv", &csv(&requests(100)));
    let trace = "file = \"a.csv\"\nclass_column = \"model\"";
    let text = scenario(trace, TOGETHER);
    folder.refused(
        &text.replace("name = \"chat\"\n", "name = \"chat\"\nshare = 0.5\n"),
        &["a share cannot act"],
    );
    folder.refused(&text.replace("\n[profile]", "\nrepeat = 2\n[profile]"), &["`repeat` cannot act"]);
    folder.refused(&text.replace("\"model\"", "\"modle\""), &["did you mean `model`?"]);
    folder.refused(
        &text.replace("name = \"chat\"", "name = \"chess\""),
        &["has no record of class `chess` in `model`"],
    );
    let one = text.split("[[class]]").next().unwrap().replace("batch = 5", "batch = 5\ntimeout = \"1s\"");
    folder.refused(&one, &["has no [[class]]"]);
    let groups = scenario(trace, GROUPS);
    folder.refused(
        &groups.replace("classes = [\"mail\"]", "classes = [\"chat\"]"),
        &["in 2 groups, not in one"],
    );
    folder.refused(
        &groups.replace("name = \"chat\"\n", "name = \"chat\"\nlongest_wait = \"1s\"\n"),
        &["the groups of [policy]"],
    );
    folder.refused(
        &groups.replace("batch = 5\nlongest_wait = [\"2s\"]", "batch = 50\nlongest_wait = [\"2s\"]"),
        &["outside the profile"],
    );
    folder.refused(&format!("{groups}[output]\nbatches = true\n"), &["[output] cannot act"]);
}

/// One of several files may have nothing to use; alone it is refused with what there is to mend.
#[test]
fn a_file_without_a_record_of_the_classes_is_a_part_like_any_other() {
    let folder = Folder::new();
    folder.write("a.csv", "t,model\n0.5,chat\n0.75,search\n1.3,mail\n");
    folder.write("b.csv", "t,model\n0.6,other\n0.8,other\n");
    let text = |file: &str| scenario(&format!("file = {file}\nclass_column = \"model\""), TOGETHER);
    let summary = folder.run(&text("[\"a.csv\", \"b.csv\"]"));
    assert_eq!(summary["requests"], 3);
    assert!(
        summary["notes"].to_string().contains("2 lines that are of no [[class]]"),
        "{}",
        summary["notes"]
    );
    folder.refused(&text("\"b.csv\""), &["of 2, 2 are of no [[class]]", "the names of the [[class]]"]);
}

/// Neither gaps without phases nor arrivals that are too few have a law: the run says so, with classes as without.
#[test]
fn what_no_law_covers_is_simulated_alone_with_classes_too() {
    let folder = Folder::new();
    let class = "[[class]]\nname = \"a\"\nshare = 1\nlongest_wait = \"100ms\"\n";
    for (workload, why) in [
        ("kind = \"gamma\"\nrate = 3\ncv = 2\nrequests = 500", "gaps of other distributions"),
        ("kind = \"trace\"\nfile = \"one.csv\"", "too few"),
    ] {
        folder.write("one.csv", "t,x\n5,1\n");
        for (timeout, class) in [("", class), ("timeout = \"100ms\"\n", "")] {
            let text = format!(
                "[workload]\n{workload}\n[profile]\nmemory_mb = [1024]\nbatch = [1, 5]\nservice_s = [[0.1, 0.2]]\n\
                 {LAMBDA}[policy]\nkind = \"batch\"\nbatch = 5\n{timeout}{class}"
            );
            let summary = folder.run(&text);
            assert!(summary["predicted"].is_null(), "{summary}");
            let notes = summary["notes"].to_string();
            assert!(notes.contains("Not predicted") && notes.contains(why), "{notes}");
        }
    }
}
