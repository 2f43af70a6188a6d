//! Writes arrivals to a file in the formats of the trace readers, streaming and with exact decimals.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use super::Arrivals;
use super::trace::MAGIC;
use crate::error::InputError;
use crate::units::{Span, Time};

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A header `timestamp` and a line of seconds for each arrival.
    Timestamps,
    /// A header `interarrival` and the seconds from each arrival to the next: n - 1 lines.
    Interarrivals,
    /// A header `period,count` and a line for each bin of this length from time 0 to the last arrival.
    Counts(Span),
    /// `BSIMTRC1` and little-endian u64 nanoseconds.
    Binary,
}

/// Writes `arrivals` to `path` and returns how many there were. A name that ends in .gz or .zst is compressed.
///
/// Nothing is left behind if it fails: the file has a temporary name until it is complete.
///
/// # Errors
/// Of the source, of the disk, and a bin of no length.
pub fn write(arrivals: &mut dyn Arrivals, layout: Layout, path: &Path) -> Result<u64, InputError> {
    if layout == Layout::Counts(Span::ZERO) {
        return Err(InputError::new(path.display().to_string(), "a bin must be longer than 0"));
    }
    let failed = |e: io::Error| InputError::io(path, &e);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = NamedTempFile::new_in(folder).map_err(failed)?;
    let mut sink = sink(temporary, path).map_err(failed)?;
    let count = write_all(arrivals, layout, &mut sink, &failed)?;
    let file = sink.finish().map_err(failed)?;
    let temporary = file.into_inner().map_err(|e| failed(io::IntoInnerError::into_error(e)))?;
    temporary.persist(path).map_err(|e| failed(e.error))?;
    Ok(count)
}

fn write_all(
    arrivals: &mut dyn Arrivals,
    layout: Layout,
    sink: &mut dyn Write,
    failed: &dyn Fn(io::Error) -> InputError,
) -> Result<u64, InputError> {
    let mut encoder = Encoder { layout, previous: None, bin: 0, in_bin: 0 };
    let mut text = encoder.head();
    let (mut block, mut count) = (Vec::new(), 0);
    loop {
        block.clear();
        arrivals.fill(&mut block)?;
        if block.is_empty() {
            break;
        }
        count += block.len() as u64;
        for time in &block {
            encoder.arrival(*time, &mut text, sink).map_err(failed)?;
        }
        sink.write_all(&text).map_err(failed)?;
        text.clear();
    }
    encoder.tail(&mut text);
    sink.write_all(&text).map_err(failed)?;
    Ok(count)
}

/// A file that may be compressed on the way.
trait Sink: Write {
    /// Writes what is left.
    fn finish(self: Box<Self>) -> io::Result<BufWriter<NamedTempFile>>;
}

impl Sink for BufWriter<NamedTempFile> {
    fn finish(self: Box<Self>) -> io::Result<BufWriter<NamedTempFile>> {
        Ok(*self)
    }
}

impl Sink for flate2::write::GzEncoder<BufWriter<NamedTempFile>> {
    fn finish(self: Box<Self>) -> io::Result<BufWriter<NamedTempFile>> {
        flate2::write::GzEncoder::finish(*self)
    }
}

#[cfg(feature = "zstd")]
impl Sink for zstd::stream::write::Encoder<'static, BufWriter<NamedTempFile>> {
    fn finish(self: Box<Self>) -> io::Result<BufWriter<NamedTempFile>> {
        zstd::stream::write::Encoder::finish(*self)
    }
}

fn sink(file: NamedTempFile, path: &Path) -> io::Result<Box<dyn Sink>> {
    let file = BufWriter::with_capacity(1 << 16, file);
    Ok(match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(flate2::write::GzEncoder::new(file, flate2::Compression::default())),
        #[cfg(feature = "zstd")]
        Some("zst") => Box::new(zstd::stream::write::Encoder::new(file, 0)?),
        #[cfg(not(feature = "zstd"))]
        Some("zst") => return Err(super::zst::missing("write")),
        _ => Box::new(file),
    })
}

struct Encoder {
    layout: Layout,
    previous: Option<Time>,
    /// The bin that is being counted.
    bin: u64,
    in_bin: u64,
}

/// Text is handed on at this size: a gap of many empty bins must not pile up.
const FULL_TEXT: usize = 1 << 16;

impl Encoder {
    fn head(&self) -> Vec<u8> {
        match self.layout {
            Layout::Timestamps => b"timestamp\n".to_vec(),
            Layout::Interarrivals => b"interarrival\n".to_vec(),
            Layout::Counts(_) => b"period,count\n".to_vec(),
            Layout::Binary => MAGIC.to_vec(),
        }
    }

    fn arrival(&mut self, time: Time, text: &mut Vec<u8>, sink: &mut dyn Write) -> io::Result<()> {
        match self.layout {
            Layout::Timestamps => push_seconds(time.0, text),
            Layout::Interarrivals => {
                if let Some(previous) = self.previous {
                    push_seconds((time - previous).0, text);
                }
            }
            Layout::Counts(width) => {
                while self.bin < time.0 / width.0 {
                    self.close_bin(text);
                    if text.len() > FULL_TEXT {
                        sink.write_all(text)?;
                        text.clear();
                    }
                }
                self.in_bin += 1;
            }
            Layout::Binary => text.extend_from_slice(&time.0.to_le_bytes()),
        }
        self.previous = Some(time);
        Ok(())
    }

    fn close_bin(&mut self, text: &mut Vec<u8>) {
        push_decimal(self.bin, text);
        text.push(b',');
        push_decimal(self.in_bin, text);
        text.push(b'\n');
        self.bin += 1;
        self.in_bin = 0;
    }

    fn tail(&mut self, text: &mut Vec<u8>) {
        if matches!(self.layout, Layout::Counts(_)) && self.previous.is_some() {
            self.close_bin(text);
        }
    }
}

/// A line of seconds with as many decimals as it takes.
fn push_seconds(nanos: u64, text: &mut Vec<u8>) {
    push_decimal(nanos / 1_000_000_000, text);
    let mut part = nanos % 1_000_000_000;
    if part > 0 {
        let mut digits = [b'0'; 9];
        for digit in digits.iter_mut().rev() {
            *digit += (part % 10) as u8;
            part /= 10;
        }
        text.push(b'.');
        let used = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        text.extend_from_slice(&digits[..used]);
    }
    text.push(b'\n');
}

fn push_decimal(mut value: u64, text: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::map::Map;
    use crate::arrivals::map_arrivals::MapArrivals;
    use crate::arrivals::tests::drawn;
    use crate::arrivals::trace::TraceSpec;
    use crate::numeric::streams::{Stream, Streams};

    fn stream() -> Stream {
        Streams::new(4).stream("arrivals")
    }

    fn source() -> MapArrivals {
        let map = Map::mmpp(&[5.0, 500.0], &[10.0, 1.0]).unwrap();
        MapArrivals::new(&map, Time::ZERO, Time(300_000_000_000), stream())
    }

    #[test]
    fn every_layout_reads_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let times = drawn(source());
        let from_zero: Vec<Time> = times.iter().map(|time| Time(time.0 - times[0].0)).collect();
        let named = [
            (Layout::Timestamps, "a.csv"),
            (Layout::Timestamps, "a.csv.gz"),
            (Layout::Interarrivals, "b.csv.zst"),
            (Layout::Binary, "c.bin"),
            (Layout::Binary, "c.bin.zst"),
        ];
        let can_read = |(_, name): &(Layout, &str)| cfg!(feature = "zstd") || !name.ends_with("zst");
        let readable: Vec<_> = named.into_iter().filter(can_read).collect();
        for (layout, name) in readable.iter().copied() {
            let path = folder.path().join(name);
            assert_eq!(write(&mut source(), layout, &path).unwrap(), times.len() as u64);
            let mut spec = TraceSpec::new(&path);
            assert_eq!(drawn(spec.open(stream()).unwrap()), from_zero, "{name}");
            spec.from = Span::from_secs(1);
            assert!(drawn(spec.open(stream()).unwrap()).len() < times.len());
        }
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, readable.len(), "no temporary file is left");
    }

    #[test]
    fn counts_read_back_as_the_same_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a.csv"), folder.path().join("b.csv.gz"));
        let layout = Layout::Counts(Span::from_millis(100));
        write(&mut source(), layout, &first).unwrap();
        let mut spec = TraceSpec::new(&first);
        spec.bin = Some(Span::from_millis(100));
        write(&mut *spec.open(stream()).unwrap(), layout, &second).unwrap();
        let text = std::fs::read_to_string(&first).unwrap();
        let mut again = String::new();
        let file = std::fs::File::open(&second).unwrap();
        io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut again).unwrap();
        assert_eq!(text, again);
        assert!(text.lines().count() > 2000 && text.starts_with("period,count\n0,"), "{}", text.len());
    }

    #[test]
    fn seconds_are_exact() {
        for (nanos, shown) in [
            (0, "0\n"),
            (1, "0.000000001\n"),
            (1_500_000_000, "1.5\n"),
            (u64::MAX, "18446744073.709551615\n"),
        ] {
            let mut text = Vec::new();
            push_seconds(nanos, &mut text);
            assert_eq!(String::from_utf8(text).unwrap(), shown);
        }
    }

    #[test]
    fn a_failing_source_leaves_no_file() {
        struct Broken;
        impl Arrivals for Broken {
            fn fill(&mut self, _: &mut Vec<Time>) -> Result<(), InputError> {
                Err(InputError::new("t", "broken"))
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        assert!(write(&mut Broken, Layout::Timestamps, &path).is_err());
        assert!(write(&mut source(), Layout::Counts(Span::ZERO), &path).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let nowhere = folder.path().join("none/t.csv");
        assert!(
            write(&mut source(), Layout::Binary, &nowhere).unwrap_err().to_string().contains("none/t.csv")
        );
    }
}
