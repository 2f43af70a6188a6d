//! Every trace reader. The first byte chooses what is said about the trace, the second a window and repeats.

use batchsim::arrivals::BLOCK;
use batchsim::arrivals::trace::{TraceFormat, TraceSpec, Unit};
use batchsim::numeric::streams::Streams;
use batchsim::units::{Span, Time};

use crate::scratch;

/// A bin may say that it holds 1e18 arrivals: no more than these are looked at.
const MOST_ARRIVALS: usize = 20_000;
/// A trace of one arrival may be repeated 4e9 times, and each pass opens the file.
const MOST_BLOCKS: usize = 500;

/// No panic, no decrease, no block that is too long; what cannot be read names the file.
pub fn check(data: &[u8]) {
    let [choice, window, content @ ..] = data else { return };
    let spec = spec(*choice, *window, content);
    let mut arrivals = match spec.open(Streams::new(1).stream("trace")) {
        Ok(arrivals) => arrivals,
        Err(error) => return named(&error.to_string()),
    };
    let (mut block, mut last, mut count) = (Vec::new(), None, 0);
    for _ in 0..MOST_BLOCKS {
        block.clear();
        if let Err(error) = arrivals.fill(&mut block) {
            return named(&error.to_string());
        }
        assert!(block.len() <= BLOCK, "a block of {}", block.len());
        if block.is_empty() {
            assert!(arrivals.fill(&mut block).is_ok() && block.is_empty(), "the end is not the end");
            return;
        }
        if last.is_none() && *window == 0 && arrivals.bin().is_none() {
            assert_eq!(block[0], Time::ZERO, "the first arrival is time 0");
        }
        for time in &block {
            assert!(last <= Some(*time), "{time:?} after {last:?}");
            last = Some(*time);
        }
        count += block.len();
        if count > MOST_ARRIVALS {
            return;
        }
    }
}

fn named(error: &str) {
    assert!(error.contains("batchsim-fuzz"), "{error}");
}

/// What is said of the trace: the first byte's low half chooses format and unit, its high half the file's name.
fn spec(choice: u8, window: u8, content: &[u8]) -> TraceSpec {
    let name = match choice >> 4 {
        0..=11 => "trace",
        12 => "trace.csv",
        13 => "trace.gz",
        14 => "trace.zst",
        _ => "trace.bin",
    };
    let mut spec = TraceSpec::new(scratch::file(name, content));
    let bin = Some(Span::from_millis(if window & 64 == 0 { 1000 } else { 1 }));
    let (format, unit) = match choice & 15 {
        0 => (None, None),
        1 => (Some(TraceFormat::Timestamps), None),
        2 => (Some(TraceFormat::Timestamps), Some(Unit::Millis)),
        3 => (Some(TraceFormat::Timestamps), Some(Unit::Micros)),
        4 => (Some(TraceFormat::Timestamps), Some(Unit::Nanos)),
        5 => (Some(TraceFormat::Interarrivals), None),
        6 => (Some(TraceFormat::Interarrivals), Some(Unit::Nanos)),
        7 | 8 => (Some(TraceFormat::Counts), None),
        9 => (Some(TraceFormat::Counts), Some(Unit::Seconds)),
        10 | 11 => (Some(TraceFormat::Azure2019), None),
        12 => (Some(TraceFormat::Azure2021), None),
        13 => (Some(TraceFormat::Timestamps), Some(Unit::Seconds)),
        14 => (Some(TraceFormat::Binary), None),
        _ => (None, None),
    };
    (spec.format, spec.unit) = (format, unit);
    match choice & 15 {
        7 | 9 | 11 | 15 => spec.bin = bin,
        13 => spec.column = Some("at".into()),
        _ => (),
    }
    if choice & 14 == 10 {
        spec.row = Some("f".into());
    }
    // What comes before `from` is made and dropped, and a bin may hold 1e9.
    if !matches!(choice & 15, 0 | 7..=11 | 15) {
        spec.from = Span::from_millis(u64::from(window & 1) * 500);
    }
    spec.until = match window & 6 {
        2 => Some(Span::from_secs(2)),
        4 => Some(Span::MAX),
        _ => None,
    };
    spec.repeat = match window & 24 {
        0 => 1,
        8 => 3,
        _ => u32::MAX,
    };
    spec
}
