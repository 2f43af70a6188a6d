//! Logs, JSON objects, and tables with conditions. The first byte chooses what is said about the file, the second the
//! length of the conditions that stand before it.

use batchsim::arrivals::trace::{Filter, Findings, Order, StampMode, TraceFormat, TraceSpec};
use batchsim::numeric::streams::Streams;

use crate::scratch;

/// A tick of a clock may hold many: no more than these blocks are looked at.
const MOST_BLOCKS: usize = 50;

/// No panic, no decrease; what cannot be read names the file, and what was read adds up.
pub fn check(data: &[u8]) {
    let [choice, length, rest @ ..] = data else { return };
    let (conditions, content) = rest.split_at(usize::from(*length).min(rest.len()));
    let filter = std::str::from_utf8(conditions).ok().and_then(|text| Filter::parse(text).ok());
    let mut spec = TraceSpec::new(scratch::file("lines", content));
    spec.format = match choice & 7 {
        0 => Some(TraceFormat::JsonLines),
        1 => Some(TraceFormat::AccessLog),
        2 => Some(TraceFormat::Alb),
        3 => Some(TraceFormat::W3c),
        4 => Some(TraceFormat::Timestamps),
        _ => None,
    };
    spec.filter = filter;
    spec.order = if choice & 8 == 0 { Order::Window } else { Order::Whole };
    spec.stamps = if choice & 16 == 0 { StampMode::Auto } else { StampMode::Exact };
    let findings = Findings::default();
    let mut arrivals = match spec.open_noted(Streams::new(1).stream("trace"), &findings) {
        Ok(arrivals) => arrivals,
        Err(error) => return assert!(error.to_string().contains("batchsim-fuzz"), "{error}"),
    };
    let (mut block, mut last, mut ended) = (Vec::new(), None, false);
    for _ in 0..MOST_BLOCKS {
        block.clear();
        if arrivals.fill(&mut block).is_err() {
            break;
        }
        ended = block.is_empty();
        if ended {
            break;
        }
        assert!(block.is_sorted() && last <= block.first().copied(), "a decrease");
        last = block.last().copied();
    }
    drop(arrivals);
    let reading = findings.get().expect("it was dropped");
    assert!(!ended || reading.notes().iter().all(|note| !note.is_empty()), "{reading:?}");
}
