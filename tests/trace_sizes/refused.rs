//! What has no size, and what cannot act, is refused with its reason.

use super::common::Folder;
use super::*;

#[test]
fn lines_without_a_size_are_refused_in_tables_and_counted_in_logs() {
    let rows = rows(600);
    let folder = Folder::new();
    let text = scenario(TRACE, &both(["", ""]));
    let plain = table(&rows, ',');
    let line = |number: usize, bytes: &str| {
        let mut lines: Vec<String> = plain.lines().map(str::to_owned).collect();
        let fields: Vec<&str> = plain.lines().nth(number - 1).unwrap().split(',').collect();
        lines[number - 1] = format!("{},{},{bytes},{}", fields[0], fields[1], fields[3]);
        folder.write("a.csv", &(lines.join("\n") + "\n"));
    };
    for (bytes, reasons) in [
        ("", ["this row has no size in `bytes`", "mend the row"]),
        ("many", ["`many` in `bytes` is no size", "mend the row"]),
        ("nan", ["`nan` in `bytes` is no size", "mend the row"]),
        (
            "100.5",
            [
                "size 100.5 in `bytes` is outside the profile, which covers 10 to 100",
                "where = \"bytes <= 100\"",
            ],
        ),
        ("-3", ["size -3 in `bytes` is outside the profile", "where = \"bytes >= 10\""]),
        ("0", ["size 0 in `bytes` is outside the profile", "measure that size too"]),
    ] {
        line(333, bytes);
        folder.refused(&text, &[reasons[0], reasons[1], "a.csv", "333"]);
    }
    // What the mend says works.
    line(333, "100.5");
    let kept = text.replace(COLUMNS, &format!("{COLUMNS}\nwhere = \"bytes <= 100\""));
    assert_eq!(folder.run(&kept)["requests"], 599);
    // A row of no class is left out, whatever its size.
    folder.write("a.csv", &format!("{plain}{},other,much,200\n", rows[599].micros));
    assert_eq!(folder.run(&text)["requests"], 600);
    let object = |(i, row): (usize, &Row)| {
        let size = match i {
            7 | 8 | 300 => String::new(),
            100 => ", \"bytes\": \"many\"".to_owned(),
            _ => format!(", \"bytes\": {}", row.size),
        };
        format!("{{\"t_us\": {}, \"model\": \"{}\"{size}}}\n", row.micros, WAITS[row.class].0)
    };
    let objects: String = rows.iter().enumerate().map(object).collect();
    folder.write("a.jsonl", &format!("# of two classes\n{objects}"));
    let json = format!("file = \"a.jsonl\"\ncolumn = \"t_us\"\nunit = \"us\"\n{COLUMNS}");
    let run = folder.run(&scenario(&json, &both(["", ""])));
    let notes = run["notes"].to_string();
    let left_out = "Left out of the trace: 1 line that begins with # (first: line 1); 3 lines that have no size in `bytes` (first: \
                    line 9); 1 line that has a `bytes` that is no number (first: line 102).";
    assert!(notes.contains(left_out), "{notes}");
    let used: Vec<Row> =
        rows.iter().enumerate().filter(|(i, _)| ![7, 8, 100, 300].contains(i)).map(|(_, row)| *row).collect();
    check(&run, &by_hand(&arrivals(&used, &used)));
}

#[test]
fn what_cannot_act_is_refused() {
    let rows = rows(300);
    let folder = Folder::new();
    folder.write("a.csv", &table(&rows, ','));
    let text = scenario(TRACE, &both(["", ""]));
    assert_eq!(folder.run(&text)["requests"], 300);
    let sized = ["size = { kind = \"fixed\", value = 40 }"; 2];
    folder.refused(
        &scenario(TRACE, &both(sized)),
        &["`size_column` says how large each request is", "remove one"],
    );
    let flat = text.replace("size = [10, 100]\n", "").replace(
        &text[text.find("service_s").unwrap()..text.find("[platform]").unwrap()],
        "service_s = [[0.1, 0.3]]\n",
    );
    folder.refused(&flat, &["workload.size_column", "the profile has no times by size"]);
    folder
        .refused(&text.replace("\"bytes\"", "\"bites\""), &["has no field `bites`", "did you mean `bytes`?"]);
    folder.refused(&text.replace("\"bytes\"", "\"\""), &["workload.size_column", "is empty"]);
    folder.refused(&text.replace(TRACE, &format!("{TRACE}\nrepeat = 2")), &["workload.repeat", "cannot act"]);
    let poisson = text.replace("kind = \"trace\"", "kind = \"poisson\"\nrate = 3\nrequests = 5");
    folder.refused(&poisson, &["workload.size_column", "is of kind = \"trace\" alone"]);
    folder.refused(
        &text.replace("file = \"a.csv\"", "file = \"-\""),
        &["standard input", "write it to a file"],
    );
    let none =
        text.split("[[class]]").next().unwrap().replace("batch = 5\n", "batch = 5\ntimeout = \"1s\"\n");
    let none = none.replace("class_column = \"model\"\n", "");
    folder.refused(&none, &["workload.size_column", "has no [[class]]", "add a [[class]]"]);
    folder.refused(
        &text.replace(TRACE, &format!("{TRACE}\nformat = \"counts\"\nbin = \"1s\"")),
        &["does not apply to the format counts"],
    );
    folder.refused(&text.replace(TRACE, &format!("{TRACE}\nrequests = 1")), &["no request of class `"]);
    // More sizes than marks.
    let line = |i: u32| format!("{i},chat,{}\n{i},letters,{}\n", 10.0 + f64::from(i) / 1000.0, 50);
    folder.write("a.csv", &format!("time_us,model,bytes\n{}", (0..32_768).map(line).collect::<String>()));
    folder.refused(
        &text,
        &["more than 32767 different sizes", "with 2 classes", "round the sizes in the file up"],
    );
    // A name that counts the gaps is not read by records at all.
    folder.write("a.csv", "interarrival,model,bytes\n1,chat,20\n2,letters,30\n");
    folder.refused(
        &text,
        &["`size_column` does not apply to the format interarrivals", "no time and fields of their own"],
    );
}

#[test]
fn commands_that_know_no_classes_or_no_sizes_refuse() {
    let folder = Folder::new();
    folder.write("a.csv", &table(&rows(300), ','));
    folder.write("s.toml", &format!("{}{SWEEP}", scenario(TRACE, &both(["", ""]))));
    let upstream = ["--upstream", "http://127.0.0.1:1"];
    let target = ["--target", "http://127.0.0.1:1"];
    for (args, reason) in [
        (vec!["sweep", "s.toml"], "knows no [[class]]"),
        (vec!["trace", "generate", "s.toml", "--to", "g.csv"], "knows no [[class]]"),
        (vec!["plan", "s.toml", "--max-rate"], "cannot act with [[class]]"),
        (vec!["fleet", "a.csv", "--scenario", "s.toml"], "arrivals of [[class]]"),
        ([vec!["serve", "s.toml"], upstream.to_vec()].concat(), "sim serve knows no sizes of requests"),
        ([vec!["observe", "s.toml"], target.to_vec()].concat(), "sim observe knows no [[class]]"),
    ] {
        if !cfg!(feature = "serve") && matches!(args[0], "serve" | "observe") {
            continue;
        }
        folder.fails(&args, &[reason]);
    }
}
