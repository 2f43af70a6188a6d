//! The trace readers against only parsing the same lines and only reading the same bytes.
//!
//! Run with `cargo bench --no-default-features --bench readers`; the time of an element is that of an arrival.
//! With `--features parquet` there is a row for Parquet, too.

use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};

use batchsim::arrivals::Arrivals;
use batchsim::arrivals::convert::{Layout, write};
use batchsim::arrivals::map::Map;
use batchsim::arrivals::map_arrivals::MapArrivals;
use batchsim::arrivals::trace::TraceSpec;
use batchsim::numeric::streams::Streams;
use batchsim::units::{Span, Time};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use memchr::memchr;

const BLOCK_BYTES: usize = 256 << 10;

fn readers(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (csv, count) = make(folder.path(), "trace.csv", Layout::Timestamps);
    let (binary, _) = make(folder.path(), "trace.bin", Layout::Binary);
    let (zstd, _) = make(folder.path(), "trace.bin.zst", Layout::Binary);
    let mut group = criterion.benchmark_group("readers");
    group.throughput(Throughput::Elements(count)).sample_size(20);
    group.bench_function("csv replay", |b| b.iter(|| replay(&csv)));
    group.bench_function("csv parse only", |b| b.iter(|| parse_only(&csv)));
    group.bench_function("binary replay", |b| b.iter(|| replay(&binary)));
    group.bench_function("binary read only", |b| b.iter(|| read_only(&binary)));
    group.bench_function("binary zstd replay", |b| b.iter(|| replay(&zstd)));
    #[cfg(feature = "parquet")]
    {
        let parquet = make_parquet(folder.path(), &binary);
        group.bench_function("parquet snappy replay", |b| b.iter(|| replay(&parquet)));
    }
    group.finish();
}

fn make(folder: &Path, name: &str, layout: Layout) -> (PathBuf, u64) {
    let path = folder.join(name);
    let end = Time::ZERO + Span::from_secs(10_000);
    let stream = Streams::new(1).stream("arrivals");
    let mut arrivals = MapArrivals::new(&Map::poisson(200.0), Time::ZERO, end, stream);
    let count = write(&mut arrivals, layout, &path).expect("a trace");
    (path, count)
}

/// The trace at `from` as other programs write it: time stamps that might be null, compressed with snappy.
#[cfg(feature = "parquet")]
fn make_parquet(folder: &Path, from: &Path) -> PathBuf {
    use std::sync::Arc;

    use parquet::basic::Compression;
    use parquet::data_type::Int64Type;
    use parquet::file::{properties::WriterProperties, writer::SerializedFileWriter};
    use parquet::schema::parser::parse_message_type;

    let mut nanos: Vec<i64> = Vec::new();
    each_block(from, |block| nanos.extend(block.iter().map(|time| time.0 as i64)));
    let path = folder.join("trace.parquet");
    let schema = "message trace { optional int64 timestamp (TIMESTAMP(NANOS, true)); }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let file = std::fs::File::create(&path).expect("a file");
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).expect("a writer");
    let mut group = writer.next_row_group().expect("a row group");
    let mut column = group.next_column().expect("a column").expect("a column");
    column.typed::<Int64Type>().write_batch(&nanos, Some(&vec![1; nanos.len()]), None).expect("values");
    column.close().expect("a column");
    group.close().expect("a row group");
    writer.close().expect("a file");
    path
}

fn each_block(path: &Path, mut see: impl FnMut(&[Time])) {
    let mut arrivals = TraceSpec::new(path).open(Streams::new(1).stream("arrivals")).expect("a trace");
    let mut block = Vec::new();
    loop {
        block.clear();
        arrivals.fill(&mut block).expect("arrivals");
        if block.is_empty() {
            return;
        }
        see(&block);
    }
}

fn replay(path: &Path) -> usize {
    let mut count = 0;
    each_block(path, |block| count += black_box(block).len());
    count
}

/// Blocks, lines by memchr and numbers by fast-float2: the least that any reader of text does.
fn parse_only(path: &Path) -> f64 {
    let mut file = std::fs::File::open(path).expect("a trace");
    let mut buffer = vec![0; BLOCK_BYTES];
    let (mut kept, mut sum) = (0, 0.0);
    loop {
        let read = file.read(&mut buffer[kept..]).expect("bytes");
        if read == 0 {
            return sum;
        }
        let filled = kept + read;
        let mut at = 0;
        while let Some(length) = memchr(b'\n', &buffer[at..filled]) {
            sum += fast_float2::parse::<f64, _>(&buffer[at..at + length]).unwrap_or(0.0);
            at += length + 1;
        }
        buffer.copy_within(at..filled, 0);
        kept = filled - at;
    }
}

fn read_only(path: &Path) -> usize {
    let mut file = std::fs::File::open(path).expect("a trace");
    let mut buffer = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer).expect("bytes") {
            0 => return bytes,
            read => bytes += black_box(&buffer[..read]).len(),
        }
    }
}

criterion_group!(benches, readers);
criterion_main!(benches);
