use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::arrivals::tests::tried;
use crate::document::Document;
use crate::numeric::streams::{Stream, Streams};
use crate::units::{Span, Time};

fn stream() -> Stream {
    Streams::new(3).stream("arrivals")
}

/// A trace in a folder of its own, which lives as long as the first part.
fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, TraceSpec) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, TraceSpec::new(path))
}

fn all(spec: &TraceSpec) -> Result<Vec<Time>, InputError> {
    let mut arrivals = spec.open(stream())?;
    tried(|block| {
        let before = block.len();
        arrivals.fill(block)?;
        assert!(block.len() <= before + crate::arrivals::BLOCK, "a block of {}", block.len() - before);
        Ok(())
    })
}

fn millis(spec: &TraceSpec) -> Vec<u64> {
    all(spec).unwrap().iter().map(|time| time.0 / 1_000_000).collect()
}

fn refusal(name: &str, content: &[u8], set: impl FnOnce(&mut TraceSpec)) -> String {
    let (_folder, mut spec) = file(name, content);
    set(&mut spec);
    all(&spec).unwrap_err().to_string()
}

#[test]
fn points_in_time_in_every_unit_and_shape() {
    let numbers = |text: &str, unit| {
        let (_folder, mut spec) = file("t.csv", text.as_bytes());
        (spec.format, spec.unit) = (Some(TraceFormat::Timestamps), unit);
        millis(&spec)
    };
    for text in ["5\n5.25\n5.25\n7\n", "5\r\n5.25\r\n5.25\r\n7", "t\n5\n\n# note\n5.25\n5.25\n7e0\n"] {
        assert_eq!(numbers(text, None), [0, 250, 250, 2000], "{text}");
    }
    assert_eq!(numbers("1700000000000\n1700000000250\n", Some(Unit::Millis)), [0, 250]);
    assert_eq!(numbers("1\n1001\n", Some(Unit::Micros)), [0, 1]);
    assert_eq!(numbers("7\n2000007\n", Some(Unit::Nanos)), [0, 2]);
    assert_eq!(numbers("time_ms\n7\n9.5\n", None), [0, 2]);
    assert_eq!(numbers("1700000000000\n1700000000250\n", None), [0, 250]);
    assert_eq!(numbers("5\n7\n6\n", None), [0, 1000, 2000]);
    assert_eq!(numbers("\u{feff}7\n9.5\n", None), [0, 2500]);
}

#[test]
fn epoch_seconds_keep_their_nanoseconds() {
    let (_folder, spec) = file("t.csv", b"timestamp\n1700000000.000000001\n1700000000.123456789\n");
    assert_eq!(all(&spec).unwrap(), [Time(0), Time(123_456_788)]);
}

#[test]
fn date_times_are_recognised() {
    let text = b"TIMESTAMP,tokens\n2023-11-16 18:17:03.9799600,4\n2023-11-16 18:17:04.0319600,5\n";
    let (_folder, spec) = file("t.csv", text);
    assert_eq!(all(&spec).unwrap(), [Time(0), Time(52_000_000)]);
}

#[test]
fn a_column_is_chosen_by_name_or_number_also_behind_quotes() {
    let text = b"id;what;at\n1;\"a;b\";10\n2;\"say \"\"x\"\"\";10.5\n3;plain;11;more\n";
    let (_folder, mut spec) = file("t.csv", text);
    for column in ["at", "3"] {
        spec.column = Some(column.into());
        assert_eq!(millis(&spec), [0, 500, 1000]);
    }
    let (_folder, mut spec) = file("t.tsv", b"a\t1.5\tx\nb\t2.5\tx\n");
    spec.column = Some("2".into());
    assert_eq!(millis(&spec), [0, 1000]);
}

#[test]
fn n_gaps_are_n_plus_one_arrivals() {
    let (_folder, spec) = file("t.csv", b"interarrival\n0.5\n0\n1.25\n");
    assert_eq!(millis(&spec), [0, 500, 500, 1750]);
}

#[test]
fn counts_are_kept_exactly_in_order_and_in_their_bins() {
    let (_folder, mut spec) = file("t.txt", b"3\n0\n5000\n1\n");
    spec.bin = Some(Span::from_secs(10));
    let times = all(&spec).unwrap();
    assert!(times.is_sorted());
    let in_bin = |bin: u64| times.iter().filter(|time| time.0 / 10_000_000_000 == bin).count();
    assert_eq!([in_bin(0), in_bin(1), in_bin(2), in_bin(3)], [3, 0, 5000, 1]);
    // Uniform in the bin: the mean of 5000 is within 4 standard errors of the middle.
    let bin = times.iter().filter(|time| time.0 / 10_000_000_000 == 2);
    let mean = bin.map(|time| time.as_secs_f64() - 20.0).sum::<f64>() / 5000.0;
    assert!((mean - 5.0).abs() < 4.0 * 10.0 / (12.0_f64 * 5000.0).sqrt(), "{mean}");
    assert_eq!(times, all(&spec).unwrap());
}

#[test]
fn order_statistics_have_their_exact_means() {
    // The i-th of n uniform points has the mean i/(n+1).
    let text = "4\n".repeat(20_000);
    let (_folder, mut spec) = file("t.txt", text.as_bytes());
    spec.bin = Some(Span::from_secs(1));
    let times = all(&spec).unwrap();
    for i in 0..4 {
        let offsets = times.iter().skip(i).step_by(4).map(|time| (time.0 % 1_000_000_000) as f64 / 1e9);
        let mean = offsets.sum::<f64>() / 20_000.0;
        assert!((mean - (i + 1) as f64 / 5.0).abs() < 0.006, "{i} {mean}");
    }
}

#[test]
fn periods_place_counts_and_missing_ones_are_empty() {
    let dated = b"period,count\n2026-01-01 00:00:00,1\n2026-01-01 00:01:00,1\n2026-01-01 00:04:00,1\n";
    let (_folder, spec) = file("t.csv", dated);
    let minutes = |spec: &TraceSpec| -> Vec<u64> {
        all(spec).unwrap().iter().map(|time| time.0 / 60_000_000_000).collect()
    };
    assert_eq!(minutes(&spec), [0, 1, 4]);
    let (_folder, mut spec) = file("t.csv", b"7,1\n8,1\n11,1.0\n");
    spec.bin = Some(Span::from_secs(60));
    assert_eq!(minutes(&spec), [0, 1, 4]);
    let (_folder, mut spec) = file("t.csv", b"0,1\n60,1\n240,1\n");
    (spec.bin, spec.unit) = (Some(Span::from_secs(60)), Some(Unit::Seconds));
    assert_eq!(minutes(&spec), [0, 1, 4]);
}

#[test]
fn azure_layouts() {
    let text = b"HashOwner,HashApp,HashFunction,Trigger,1,2,3\no,a,f1,http,1,0,2\no,a,f2,timer,0,4,0\n";
    let (_folder, mut spec) = file("t.csv", text);
    spec.row = Some("f1".into());
    let minutes: Vec<u64> = all(&spec).unwrap().iter().map(|time| time.0 / 60_000_000_000).collect();
    assert_eq!(minutes, [0, 2, 2]);
    let text = b"app,func,end_timestamp,duration\na,f,9,1\na,f,8,4\na,f,2,3\n";
    let (_folder, spec) = file("t.csv", text);
    assert_eq!(millis(&spec), [0, 5000, 9000]);
}

#[cfg(feature = "zstd")]
#[test]
fn what_zstd_packed() {
    let (_folder, spec) = file("t.csv.zst", &zstd::encode_all(&b"timestamp\n1\n2\n4\n"[..], 1).unwrap());
    assert_eq!(millis(&spec), [0, 1000, 3000]);
}

#[cfg(not(feature = "zstd"))]
#[test]
fn a_build_without_zstd_says_so() {
    let packed = [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0];
    assert!(refusal("t.csv.zst", &packed, |_| ()).contains("build with the feature `zstd`"));
}

#[test]
fn gzip_and_binary() {
    let text = b"timestamp\n1\n2\n4\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).unwrap();
    let gzip = gzip.finish().unwrap();
    let words = [5_u64, 5, 2_000_005].map(u64::to_le_bytes).concat();
    for (name, content) in [("t.csv.gz", gzip.clone()), ("t.csv", [&gzip[..], &gzip].concat())] {
        let (_folder, spec) = file(name, &content);
        let expected: &[u64] = &[0, 1000, 3000];
        // The header in the middle of two joined files is no number.
        match name {
            "t.csv" => assert!(all(&spec).unwrap_err().to_string().contains(":5: `timestamp` is no number")),
            _ => assert_eq!(millis(&spec), expected, "{name}"),
        }
    }
    let (_folder, spec) = file("t.bin", &[MAGIC, &words[..]].concat());
    assert_eq!(all(&spec).unwrap(), [Time(0), Time(0), Time(2_000_000)]);
    let cut = refusal("t.csv.gz", &gzip[..gzip.len() - 12], |_| ());
    assert!(cut.contains("ends in the middle") && cut.contains("cut short"), "{cut}");
    assert!(refusal("t.csv.gz", text, |_| ()).contains("is no gzip file"), "named wrongly");
    let cut = refusal("t.bin", &[MAGIC, &words[..20]].concat(), |_| ());
    assert!(cut.contains("arrival 3 (byte 24) has 4 of its 8 bytes"), "{cut}");
    let back = [5_u64, 4].map(u64::to_le_bytes).concat();
    let unsorted = refusal("t.bin", &[MAGIC, &back[..]].concat(), |_| ());
    assert!(unsorted.contains("arrival 2 (byte 16) is earlier"), "{unsorted}");
}

#[test]
fn windows_and_repeats() {
    let (_folder, mut spec) = file("t.csv", b"timestamp\n10\n11\n12\n14\n");
    spec.from = Span::from_millis(500);
    assert_eq!(millis(&spec), [500, 1500, 3500]);
    spec.until = Some(Span::from_millis(2500));
    assert_eq!(millis(&spec), [500, 1500]);
    spec.repeat = 2;
    assert_eq!(millis(&spec), [500, 1500, 2500, 3500]);
    // Without a window a pass is the last arrival and a mean gap: 4 s + 4/3 s.
    (spec.from, spec.until) = (Span::ZERO, None);
    assert_eq!(millis(&spec), [0, 1000, 2000, 4000, 5333, 6333, 7333, 9333]);
    spec.from = Span::from_secs(60);
    assert!(all(&spec).unwrap_err().to_string().contains("before `from` = 1min"));
    let (_folder, mut spec) = file("t.txt", b"2\n0\n");
    (spec.bin, spec.repeat) = (Some(Span::from_secs(1)), 2);
    let times = all(&spec).unwrap();
    assert_eq!(times.iter().map(|time| time.0 / 1_000_000_000).collect::<Vec<_>>(), [0, 0, 2, 2]);
    // Each pass has draws of its own.
    assert_ne!(times[0].0, times[2].0 - 2_000_000_000);
}

/// The bytes, how the reading is set up, and what the message must hold.
type BadInput<'a> = (&'a [u8], fn(&mut TraceSpec), &'a [&'a str]);

#[test]
fn bad_input_is_refused_with_the_place_and_the_mend() {
    let long = vec![b'1'; 5 << 20];
    let stamps: fn(&mut TraceSpec) = |spec| spec.format = Some(TraceFormat::Timestamps);
    let counts: fn(&mut TraceSpec) = |spec| spec.bin = Some(Span::from_secs(1));
    let named: fn(&mut TraceSpec) = |spec| spec.column = Some("arival".into());
    let row: fn(&mut TraceSpec) = |spec| spec.row = Some("f2x".into());
    let guess: fn(&mut TraceSpec) = |_| ();
    let cases: &[BadInput] = &[
        (b"", guess, &["is empty"]),
        (b"\n\n# only a comment\n", guess, &["holds no arrivals"]),
        (b"timestamp\n", guess, &["holds no arrivals"]),
        (b"5\n-7\n", stamps, &[":2:", "`-7` is negative"]),
        (b"NaN\n5\n", stamps, &[":1:", "`NaN` is not finite"]),
        (b"5\ninf\n", stamps, &[":2:", "`inf` is not finite"]),
        (b"5\nfive\n", stamps, &[":2:", "`five` is no number", "^^^^"]),
        (b"5\n\xff\xfe7\n", stamps, &[":2:", "is no number"]),
        (b"\xff\xfe5\0\n\0", stamps, &["UTF-16", "UTF-8"]),
        (b"5\n1700000000000\n", stamps, &[":2:", "beyond 292 years", "set `unit`"]),
        (b"2026-01-01\n5\n", stamps, &[":2:", "`5` is no date-time"]),
        (b"a,arrival\n1,2\n", named, &["no column `arival`", "did you mean `arrival`?", "a, arrival"]),
        (b"a,timestamp\n1,2\n1\n", guess, &[":3:", "has 1 fields, but column `timestamp` is number 2"]),
        (b"a,timestamp\n\"1,2\n", guess, &[":2:", "quoted field"]),
        (b"a,b\n1,2\n", stamps, &["has no column named timestamp", "set `column` to one of: a, b"]),
        (b"3\n1\n2\n", guess, &["which kind", "set `format`", "counts", "azure-2021", "likely counts"]),
        (b"1\n\n2\n", counts, &["line 2 between two counts is empty", "write 0"]),
        (b"1\n2.5\n", counts, &[":2:", "`2.5` is no whole number"]),
        (b"1\n-2\n", counts, &[":2:", "`-2` is negative"]),
        (b"1,2\n1,2\n", counts, &[":2:", "period `1` does not come after", "sort the file"]),
        (b"18000000000,1\n38000000000,5\n", counts, &["beyond 584 years"]),
        (b"f,1,2\nf1,1,2\nf2,0,1\n", row, &["no row `f2x`", "did you mean `f2`?", "f1, f2"]),
        (b"f,1,2\nf1,1,2\n", guess, &["which one is not said", "set `row`", "f1"]),
        (b"f,1,2\nf2x,1\n", row, &[":2:", "has 1 minutes, the header 2"]),
        (&long, stamps, &["line 1 is longer than"]),
    ];
    for (content, set, parts) in cases {
        let shown = String::from_utf8_lossy(&content[..content.len().min(40)]);
        let error = refusal("t.csv", content, set);
        for part in *parts {
            assert!(error.contains(part), "{shown:?}: `{part}` is not in: {error}");
        }
    }
    let missing = TraceSpec::new("no/such/trace.csv").open(stream()).err().unwrap().to_string();
    assert!(missing.starts_with("no/such/trace.csv: "), "{missing}");
}

#[test]
fn a_section_gives_a_spec_or_an_error_at_the_field() {
    let text = "kind = \"trace\"\nfile = \"a.csv.gz\"\nformat = \"counts\"\nbin = \"1min\"\nfrom = \"1h\"\nrepeat = 3\n";
    let document = Document::parse("s.toml", text).unwrap();
    let spec = TraceSpec::from_section(&document.root()).unwrap();
    assert_eq!((spec.bin, spec.from, spec.repeat), (Some(Span::from_secs(60)), Span::from_secs(3600), 3));
    for (wrong, part) in [
        ("file = \"a\"\nformat = \"count\"", "did you mean `counts`?"),
        ("file = \"a\"\nformat = \"timestamps\"\nrow = \"x\"", "s.toml:3: `row`: `row` does not apply"),
        ("file = \"a\"\nfrom = \"2s\"\nuntil = \"1s\"", "s.toml:3: `until`: `until` must be later"),
        ("file = \"a\"\nrepeat = 0", "s.toml:2: `repeat`"),
        ("file = \"a\"\nunit = \"sec\"", "expected one of: s, ms, us, ns"),
        ("format = \"counts\"", "lacks `file`"),
    ] {
        let document = Document::parse("s.toml", wrong).unwrap();
        let error = TraceSpec::from_section(&document.root()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn long_files_cross_the_blocks_without_loss() {
    let mut text = String::from("id,at\n");
    for i in 0..60_000_u64 {
        text += &format!("{i},{}.{:06}\n", i / 7, i % 1_000_000);
    }
    let times = |text: &str| {
        let (_folder, mut spec) = file("t.csv", text.as_bytes());
        spec.column = Some("at".into());
        all(&spec)
    };
    // i % 10^6 grows within a second, so only the carry to the next second can be out of order.
    let error = times(&text).err();
    let sorted = (0..60_000_u64).map(|i| i / 7 * 1_000_000_000 + i * 1000);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(times(&text).unwrap(), sorted.map(Time).collect::<Vec<_>>());
}

proptest::proptest! {
    #[test]
    fn no_content_makes_a_reader_panic(content: Vec<u8>, format in 0..10_usize, repeat in 1..3_u32) {
        let (_folder, mut spec) = file("t.csv", &content);
        spec.repeat = repeat;
        spec.format = Some(TraceFormat::ALL[format].1);
        if matches!(spec.format, Some(TraceFormat::Counts)) {
            spec.bin = Some(Span(1));
        }
        let mut block = Vec::new();
        if let Ok(mut arrivals) = spec.open(stream()) {
            for _ in 0..4 {
                if arrivals.fill(&mut block).is_err() {
                    break;
                }
            }
        }
        proptest::prop_assert!(block.is_sorted());
    }

    #[test]
    fn text_like_content_neither(content in "[0-9.,:eE+\\- \n\r\"a-cN#]{0,80}", format in 0..11_usize) {
        let (_folder, mut spec) = file("t.csv", content.as_bytes());
        spec.format = TraceFormat::ALL.get(format).map(|(_, format)| *format);
        spec.from = Span(10);
        let mut block = Vec::new();
        if let Ok(mut arrivals) = spec.open(stream()) {
            while block.len() < 10_000 && arrivals.fill(&mut block).is_ok_and(|()| !block.is_empty()) {
                if block.len() < crate::arrivals::BLOCK { break; }
            }
        }
        proptest::prop_assert!(block.is_sorted());
    }
}

#[test]
fn what_would_never_end_is_refused() {
    let crowd = refusal("t.csv", b"count\n3\n1700000000000\n", |spec| spec.bin = Some(Span::from_secs(1)));
    assert!(crowd.contains("bin 1 has 1700000000000 arrivals in 1 s"), "{crowd}");
    let empty = refusal("t.csv", b"timestamp\n0\n9\n", |spec| {
        (spec.from, spec.until, spec.repeat) = (Span::from_secs(1), Some(Span::from_secs(2)), u32::MAX);
    });
    assert!(empty.contains("has no arrivals that could be repeated"), "{empty}");
    let long = refusal("t.csv", b"timestamp\n0\n86400\n", |spec| spec.repeat = u32::MAX);
    assert!(long.contains("the repeats reach beyond 584 years"), "{long}");
}

#[test]
fn a_row_that_begins_with_an_open_quote_is_refused() {
    let error =
        refusal("t.csv", b"period,count\n0,2\n\"t\n3,1\n", |spec| spec.bin = Some(Span::from_secs(1)));
    assert!(error.contains("t.csv:3: a quoted field does not end on its line"), "{error}");
}

#[test]
fn one_time_in_all_records_of_several_columns_is_a_wrong_column() {
    let rows: String = (0..20).map(|i| format!("{i},200\n")).collect();
    let wrong = |spec: &mut TraceSpec| spec.column = Some("status".into());
    let error = refusal("t.csv", format!("at,status\n{rows}").as_bytes(), wrong);
    assert!(error.contains("same time in all of its first 20 records"), "{error}");
    assert!(error.contains("set `column` to one of: at, status"), "{error}");
    let (_folder, mut spec) = file("t.csv", format!("at,status\n{rows}").as_bytes());
    (spec.column, spec.stamps) = (Some("status".into()), StampMode::Exact);
    assert_eq!(all(&spec).unwrap().len(), 20);
    // A burst in a column of its own is one.
    let (_folder, spec) = file("t.csv", format!("t\n{}", "0.0\n".repeat(140)).as_bytes());
    assert_eq!(all(&spec).unwrap(), [Time(0); 140]);
}

#[test]
fn several_files_are_merged_by_time_and_patterns_are_expanded() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in
        [("a.log.csv", "t\n1\n3\n8\n"), ("b.log.csv", "time_ms\n2000\n2500\n"), ("c.txt", "x\n")]
    {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let spec = TraceSpec::new(folder.path().join("*.log.csv"));
    assert_eq!(millis(&spec), [0, 1000, 1500, 2000, 7000]);
    let spec = TraceSpec::of(vec![folder.path().join("a.log.csv"), folder.path().join("b.log.csv")]);
    let findings = Findings::default();
    drop(spec.open_noted(stream(), &findings).unwrap());
    assert_eq!(findings.get().unwrap().files, 2);
    let none = all(&TraceSpec::new(folder.path().join("*.none"))).unwrap_err().to_string();
    assert!(none.contains("matches no file"), "{none}");
}

#[test]
fn the_same_bytes_whichever_reader_reads_them() {
    // A filter that all records meet takes the careful path.
    let text: String = (0..9000).map(|i| format!("{},{}.{:03},x\n", i, i / 7, i * 37 % 1000)).collect();
    let (_folder, mut spec) = file("t.csv", format!("id,at,what\n{text}").as_bytes());
    spec.column = Some("at".into());
    let quick = all(&spec).unwrap();
    spec.filter = Some(Filter::parse("what = x").unwrap());
    assert_eq!(all(&spec).unwrap(), quick);
    spec.order = Order::Whole;
    assert_eq!(all(&spec).unwrap(), quick);
}
