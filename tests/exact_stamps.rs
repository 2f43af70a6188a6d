//! Times since 1970 keep every digit that a file gives them, in whatever form it has them.

mod common;

use common::{Folder, LAMBDA};
use proptest::prelude::*;

/// Runs the trace in `file` of some folder; the bytes of batches.csv.
fn batches(folder: &Folder, workload: &str) -> String {
    let text = format!(
        "name = \"s\"\n[workload]\nkind = \"trace\"\n{workload}\n[profile]\nmemory_mb = [1024]\nbatch = [1, 4]\n\
         service_s = [[0.1, 0.2]]\n{LAMBDA}[policy]\nkind = \"batch\"\nbatch = 4\ntimeout = \"700ms\"\n[output]\nbatches = true\n"
    );
    folder.run(&text);
    std::fs::read_to_string(folder.path("output/s/batches.csv")).unwrap()
}

/// A number of nanoseconds in a unit of `10^digits` ns.
fn decimal(nanos: u64, digits: usize) -> String {
    match digits {
        0 => nanos.to_string(),
        _ => {
            let unit = 10_u64.pow(digits as u32);
            format!("{}.{:0digits$}", nanos / unit, nanos % unit)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_stamps_give_the_same_bytes_as_csv_and_as_json(
        start in 1_000_000_000_000_000_000..2_000_000_000_000_000_000_u64,
        gaps in prop::collection::vec(1..600_000_000_u64, 30..60),
        (unit, digits) in prop::sample::select(vec![("s", 9), ("ms", 6), ("us", 3), ("ns", 0)]),
    ) {
        let mut now = start;
        let times = gaps.iter().map(|gap| {
            now += gap;
            now
        });
        let mut times: Vec<u64> = times.collect();
        // The last opens a batch of its own.
        times.push(times[times.len() - 1] + 2_000_000_000);
        let folder = Folder::new();
        let lines = |line: &dyn Fn(String) -> String| -> String {
            times.iter().map(|nanos| line(decimal(*nanos, digits))).collect()
        };
        folder.write("a.csv", &format!("time\n{}", lines(&|time| format!("{time}\n"))));
        folder.write("b.csv", &format!("time,x\n{}", lines(&|time| format!("\"{time}\",1\n"))));
        folder.write("a.jsonl", &lines(&|time| format!("{{\"time\": {time}, \"x\": 1}}\n")));
        folder.write("b.jsonl", &lines(&|time| format!("{{\"call\": {{\"time\": \"{time}\"}}}}\n")));
        let list = lines(&|time| format!("{{\"time\": {time}}},"));
        folder.write("c.json", &format!("[{}]", list.trim_end_matches(',')));
        let read = |workload: &str| batches(&folder, &format!("{workload}\nunit = \"{unit}\""));
        let expected = read("file = \"a.csv\"");
        prop_assert!(expected.lines().count() > times.len() / 4);
        for workload in [
            "file = \"b.csv\"",
            "file = \"b.csv\"\nwhere = \"x = 1\"",
            "file = \"a.jsonl\"",
            "file = \"b.jsonl\"",
            "file = \"c.json\"",
        ] {
            prop_assert_eq!(&read(workload), &expected, "{}", workload);
        }
        // A nanosecond later is not the same.
        let last = decimal(times[times.len() - 1] + 1, digits);
        let text = lines(&|time| format!("{{\"time\": {time}}}\n"));
        let before = text[..text.len() - 1].rfind('\n').unwrap() + 1;
        folder.write("d.jsonl", &format!("{}{{\"time\": {last}}}\n", &text[..before]));
        prop_assert_ne!(&read("file = \"d.jsonl\""), &expected);
    }
}
