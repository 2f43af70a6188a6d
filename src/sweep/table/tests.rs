use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn rows_come_back_as_they_were_written(
        memory in 128u32..10_240, batch in 1u32..200, timeout in 0u64..1 << 50,
        latency_s in 0.0f64..1e4, usd_per_million in 0.0f64..1e6, both: bool, meets_slo: Option<bool>,
        interval_s: Option<[f64; 2]>,
    ) {
        let figures = Figures { latency_s, usd_per_million };
        let setting = Setting::new(MemoryMb(memory), batch, Span(timeout));
        let interval_s = interval_s.filter(|[low, high]| low.is_finite() && high.is_finite());
        let predicted = both.then_some(figures);
        let counts = both.then_some(Counts {
            p50_s: latency_s,
            p99_s: latency_s + 1.0,
            late: 0.25,
            mean_batch: 1.5,
            cold_starts: 0.0,
            usd_per_month: usd_per_million,
        });
        let row = Row { setting, predicted, simulated: Some(figures), interval_s, meets_slo, counts };
        let part = part(1);
        let line = lines(&part, &[row]);
        prop_assert_eq!(part.row(line.trim_end()), Some(row));
        // Cut off at its front, as where two writers met; of another shard; of another sweep.
        for cut in 1..line.len() {
            prop_assert_eq!(part.row(line[cut..].trim_end()), None);
        }
        prop_assert_eq!(Part { shard: 2, ..part.clone() }.row(line.trim_end()), None);
        prop_assert_eq!(Part { fingerprint: "01".into(), ..part.clone() }.row(line.trim_end()), None);
        let text = whole(&part, &[row]);
        prop_assert_eq!(read("p", text.as_bytes()).unwrap(), (part, vec![row]));
    }
}

fn part(rows: usize) -> Part {
    let about = About {
        scenario: "s".into(),
        seed: 1,
        headline: "h".into(),
        model: "exact".into(),
        percentile: 95.0,
        slo_latency_s: None,
        budget_usd_per_million: None,
        objective: String::new(),
        cold_starts: false,
        fitted: false,
        reading: Vec::new(),
    };
    Part { fingerprint: "00".into(), shard: 1, of: 2, rows, about }
}

#[test]
fn every_flipped_bit_of_a_part_is_refused() {
    let figures = Figures { latency_s: 0.25, usd_per_million: 2.5 };
    let setting = |batch| Setting::new(MemoryMb(1024), batch, Span::from_millis(5));
    let row = |batch| Row {
        setting: setting(batch),
        predicted: Some(figures),
        simulated: None,
        interval_s: None,
        meets_slo: Some(true),
        counts: None,
    };
    let text = whole(&part(3), &[row(1), row(2), row(4)]);
    assert!(read("p", text.as_bytes()).is_ok());
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let found = read("p", &bytes[..]);
            assert!(found.is_err(), "{}", String::from_utf8_lossy(&bytes));
        }
        assert!(read("p", &text.as_bytes()[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_forged_head_and_an_endless_line_are_refused_before_anything_is_kept() {
    for forged in [
        Part { of: 400_000_000, ..part(1) },
        Part { rows: usize::MAX, ..part(1) },
        Part { shard: 3, ..part(1) },
        Part { shard: 0, ..part(1) },
    ] {
        assert!(read("p", head(&forged).as_bytes()).unwrap_err().message.contains("no part of a sweep"));
    }
    let error = read("p", std::io::repeat(b'0')).unwrap_err();
    assert!(error.message.contains("line 1 is longer than"), "{error}");
    let endless = lines(&part(1), &[]) + &head(&part(1));
    let error = read("p", endless.as_bytes().chain(std::io::repeat(b','))).unwrap_err();
    assert!(error.message.contains("line 3 is longer than"), "{error}");
}

#[test]
fn what_is_no_row_is_refused() {
    for bad in [
        "",
        "1,2,3",
        "1,2,0.1,,,,,true,,",
        "1,2,0.1,1,,,,,,",
        "1,2,-0.1,1,1,,,,,",
        "1,2,0.1,1,1,,,maybe,,",
        "1,2,0.1,NaN,1,,,,,",
        "1,2,0.1,1,1,,,,0.1,",
    ] {
        assert_eq!(parse(&format!("{bad},{NOT_COUNTED}")), None, "{bad}");
    }
    let good = "1,2,0.1,1,1,,,,,";
    assert!(parse(&format!("{good},{NOT_COUNTED}")).is_some());
    for bad in
        ["", ",,,,,,,", ",,,,,,,-1", "1,,,,,,,0", "1,1,1,1,1,1,NaN,0", "1,1,1,1,1,1,0", "1,1,1,1,1,1,1,0"]
    {
        assert_eq!(parse(&format!("{good},{bad}")), None, "{bad}");
    }
    assert!(parse("1,2,0.1,,,1,1,,,,1,1,1,1,1,1,1,0").is_some());
}

#[test]
fn a_configuration_stands_in_one_line() {
    let row = "1024,2,0.1,0.2,3,,,,true";
    let text = |rows: &str| format!("{COLUMNS}\n{rows}");
    let found = |rows: &str| read_whole("s", text(rows).as_bytes());
    assert_eq!(found(&format!("{row}\n")).unwrap().len(), 1);
    let error = found(&format!("{row}\n{row}\n")).unwrap_err().to_string();
    assert!(error.contains("s:3: has a configuration that an earlier line has"), "{error}");
}
