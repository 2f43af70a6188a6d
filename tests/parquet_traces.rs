//! Traces in Apache Parquet: `cargo test --features parquet --test parquet_traces`.

#![cfg(feature = "parquet")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use batchsim::arrivals::trace::{TraceFormat, TraceSpec, Unit};
use batchsim::numeric::streams::Streams;
use batchsim::units::{Span, Time};
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

#[path = "../fuzz/bodies/scratch.rs"]
mod scratch;
#[path = "common/streams.rs"]
mod streams;
#[path = "../fuzz/bodies/trace.rs"]
mod trace;

/// A row group: its values, and for a column that may have nulls a level for each row.
type Group<'a, V> = (&'a [V], Option<&'a [i16]>);

/// A file of one column, in a folder of its own that lives as long as the first part.
fn file<T: DataType>(
    field: &str,
    groups: &[Group<T::T>],
    codec: Compression,
) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let schema = parse_message_type(&format!("message trace {{ {field}; }}")).unwrap();
    let properties = WriterProperties::builder().set_compression(codec).build();
    let file = File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).unwrap();
    for (values, levels) in groups {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<T>().write_batch(values, *levels, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    (folder, path)
}

fn all(spec: &TraceSpec) -> Result<Vec<u64>, String> {
    let mut arrivals = spec.open(Streams::new(1).stream("arrivals")).map_err(|e| e.to_string())?;
    let all = streams::all(|block| arrivals.fill(block)).map_err(|e| e.to_string())?;
    Ok(all.into_iter().map(|Time(nanos)| nanos).collect())
}

/// The arrivals of a required column, uncompressed, as the file shows them by itself.
fn read<T: DataType>(field: &str, values: &[T::T]) -> Result<Vec<u64>, String> {
    let (_folder, path) = file::<T>(field, &[(values, None)], Compression::UNCOMPRESSED);
    all(&TraceSpec::new(path))
}

#[test]
fn every_type_of_times_to_the_nanosecond() {
    let epoch = 1_700_000_000_123_456_789;
    let nanos = [0, 1, 1_000_000_001];
    for (field, unit) in [
        ("required int64 timestamp (TIMESTAMP(NANOS, true))", 1),
        ("required int64 timestamp (TIMESTAMP(MICROS, false))", 1_000),
        ("required int64 timestamp (TIMESTAMP_MILLIS)", 1_000_000),
        ("required int64 time_ns", 1),
        ("required int64 time_ns (INTEGER(64, false))", 1),
        ("required int64 time_us", 1_000),
        ("required int64 time_ms (INT_64)", 1_000_000),
        ("required int64 timestamp", 1_000_000_000),
    ] {
        let values = nanos.map(|nanos| epoch / unit + nanos);
        let times = read::<Int64Type>(field, &values).unwrap();
        assert_eq!(times, nanos.map(|nanos| (nanos * unit) as u64), "{field}");
    }
    assert_eq!(read::<Int32Type>("required int32 time_ms", &[5, 7]).unwrap(), [0, 2_000_000]);
    let unsigned = "required int32 time_ns (INTEGER(32, false))";
    assert_eq!(read::<Int32Type>(unsigned, &[5, -1]).unwrap(), [0, u64::from(u32::MAX) - 5]);
    assert_eq!(read::<DoubleType>("required double time_s", &[5.0, 5.25]).unwrap(), [0, 250_000_000]);
    assert_eq!(read::<FloatType>("required float time_s", &[5.0, 5.25]).unwrap(), [0, 250_000_000]);
    // Half a day before 1970, and a nanosecond after it began: INT96 has a time of the day and a Julian day.
    let stamps = [(43_200_000_000_000_u64, 2_440_587), (1, 2_440_588)].map(|(nanos, day)| {
        let mut stamp = Int96::new();
        stamp.set_data(nanos as u32, (nanos >> 32) as u32, day);
        stamp
    });
    assert_eq!(read::<Int96Type>("required int96 timestamp", &stamps).unwrap(), [0, 43_200_000_000_001]);
}

#[test]
fn points_before_1970_may_be_negative_but_plain_numbers_not() {
    let field = "required int64 t (TIMESTAMP(MILLIS, true))";
    assert_eq!(read::<Int64Type>(field, &[-1500, -500]).unwrap(), [0, 1_000_000_000]);
    let error = read::<Int64Type>("required int64 time", &[5, -500]).unwrap_err();
    assert!(error.contains("row 2, column `time`: `-500` is negative"), "{error}");
}

#[test]
fn gaps_are_between_one_arrival_more() {
    let times = read::<DoubleType>("required double interarrival", &[0.5, 0.0, 1.25]).unwrap();
    assert_eq!(times, [0, 500_000_000, 500_000_000, 1_750_000_000]);
    let (_folder, path) =
        file::<Int64Type>("required int64 n", &[(&[3, 4], None)], Compression::UNCOMPRESSED);
    let mut spec = TraceSpec::new(path);
    (spec.format, spec.unit) = (Some(TraceFormat::Interarrivals), Some(Unit::Micros));
    assert_eq!(all(&spec).unwrap(), [0, 3000, 7000]);
    // Windows and repeats as with the other formats: a pass is the last arrival and a mean gap.
    (spec.from, spec.repeat) = (Span(3000), 2);
    assert_eq!(all(&spec).unwrap(), [0, 4000, 7500, 11_500]);
}

#[test]
fn groups_and_codecs_lose_nothing() {
    let values: Vec<i64> = (0..40_000).map(|i| i * i).collect();
    let present = vec![1; values.len()];
    let expected: Vec<u64> = values.iter().map(|value| *value as u64 * 1_000).collect();
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4_RAW,
    ];
    for codec in codecs {
        let groups: [Group<i64>; 4] = [
            (&values[..9], Some(&present[..9])),
            (&[], Some(&[])),
            (&values[9..30_000], Some(&present[9..30_000])),
            (&values[30_000..], Some(&present[30_000..])),
        ];
        let (_folder, path) = file::<Int64Type>("optional int64 anything", &groups, codec);
        let mut spec = TraceSpec::new(path);
        (spec.column, spec.unit) = (Some("anything".into()), Some(Unit::Micros));
        assert_eq!(all(&spec).unwrap(), expected, "{codec:?}");
        // The only column, in ascending order: points in time, as in a text without a header.
        (spec.column, spec.unit) = (None, Some(Unit::Micros));
        assert_eq!(all(&spec).unwrap(), expected, "{codec:?}");
    }
}

#[test]
fn what_is_no_time_is_refused_with_the_row_and_the_mend() {
    let stamp = "required int64 t (TIMESTAMP(MILLIS, true))";
    let number = "required double timestamp";
    let refused = |error: Result<Vec<u64>, String>, parts: &[&str]| {
        let error = error.unwrap_err();
        for part in [&["t.parquet: "], parts].concat() {
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
    };
    let (_folder, path) = file::<Int64Type>(
        "optional int64 time_ms",
        &[(&[1, 2], Some(&[1, 1])), (&[3, 5], Some(&[1, 0, 1]))],
        Compression::SNAPPY,
    );
    refused(all(&TraceSpec::new(path)), &["row 4, column `time_ms`: is null", "remove the rows"]);
    // What is out of place by a little is put in order, as in every format, and said.
    assert_eq!(read::<Int64Type>(stamp, &[2_000, 1_000]).unwrap(), [0, 1_000_000_000]);
    assert_eq!(read::<DoubleType>(number, &[7.5, 6.0]).unwrap(), [0, 1_500_000_000]);
    refused(
        read::<DoubleType>(number, &[7.5, f64::NAN]),
        &["row 2", "`NaN` is not finite", "expected a time"],
    );
    refused(read::<DoubleType>(number, &[-0.5]), &["row 1", "`-0.5` is negative", "expected a time"]);
    // Without a unit, a time since 1970 goes by its magnitude, as in every format: these are milliseconds.
    assert_eq!(read::<DoubleType>(number, &[1.7e12, 1.7e12 + 5.0]).unwrap(), [0, 5_000_000]);
    let times = [1_700_000_000_000, 1_700_000_000_005];
    assert_eq!(read::<Int64Type>("required int64 time", &times).unwrap(), [0, 5_000_000]);
    let unsigned = "required int64 time_ns (INTEGER(64, false))";
    refused(read::<Int64Type>(unsigned, &[1, -1]), &["row 2", "`18446744073709552000` is beyond"]);
    let long = "gaps that add up to more than 292 years";
    refused(read::<Int64Type>("required int64 gap_ns", &[i64::MAX, 1]), &[long, "after 2 arrivals"]);
    refused(
        read::<Int64Type>("required int64 gap (TIMESTAMP(MILLIS, true))", &[1]),
        &["column `gap` holds points in time, no gaps", "set `format` to timestamps"],
    );
    let words = [ByteArray::from("2026-01-31")];
    refused(
        read::<ByteArrayType>("required binary timestamp (STRING)", &words),
        &["column `timestamp` holds BYTE_ARRAY (String), no times", "INT64, DOUBLE or TIMESTAMP"],
    );
    refused(read::<Int32Type>("required int32 time (DATE)", &[4]), &["holds INT32 (Date), no times"]);
    refused(
        read::<Int64Type>("required int64 count", &[3, 1, 2]),
        &["counts are not read", "convert it to CSV"],
    );
    refused(read::<Int64Type>("required int64 n", &[3, 1, 2]), &["which kind", "set `format`"]);
    refused(read::<Int64Type>(stamp, &[]), &["holds no arrivals"]);
}

#[test]
fn columns_are_found_by_name_and_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let schema =
        "message trace { required binary id (STRING); required int64 arrival_ms; required double at; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(File::create(&path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&["a", "b"].map(ByteArray::from), None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[7, 9], None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<DoubleType>().write_batch(&[1.0, 4.0], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let column =
        |name: Option<&str>| all(&TraceSpec { column: name.map(str::to_owned), ..TraceSpec::new(&path) });
    assert_eq!(column(None).unwrap(), [0, 2_000_000]);
    assert_eq!(column(Some("at")).unwrap(), [0, 3_000_000_000]);
    assert_eq!(column(Some("2")).unwrap(), [0, 2_000_000]);
    let error = column(Some("arival_ms")).unwrap_err();
    assert!(
        error.contains("has no column `arival_ms`") && error.contains("did you mean `arrival_ms`?"),
        "{error}"
    );
}

fn sim(arguments: &[&str], input: &Path) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    let output = command.args(arguments).stdin(File::open(input).unwrap()).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn pipes_other_compression_and_damage_are_refused_and_convert_works() {
    let values: Vec<i64> = (0..1000).map(|i| i * 3).collect();
    let (folder, path) =
        file::<Int64Type>("required int64 time_ms", &[(&values, None)], Compression::UNCOMPRESSED);
    let (_, piped) = sim(&["trace", "info", "-"], &path);
    assert!(piped.contains("read from its end") && piped.contains("write it to a file first"), "{piped}");
    let content = fs::read(&path).unwrap();
    let packed = folder.path().join("t.parquet.gz");
    let mut encoder =
        flate2::write::GzEncoder::new(File::create(&packed).unwrap(), flate2::Compression::fast());
    encoder.write_all(&content).unwrap();
    encoder.finish().unwrap();
    let error = all(&TraceSpec::new(packed)).unwrap_err();
    assert!(error.contains("inside another compression") && error.contains("decompress it"), "{error}");
    for length in [4, 8, 100, content.len() - 9, content.len() - 1] {
        let cut = folder.path().join("cut.parquet");
        fs::write(&cut, &content[..length]).unwrap();
        let error = all(&TraceSpec::new(cut)).unwrap_err();
        assert!(
            error.contains("cannot be read") && error.contains("cut short or damaged"),
            "{length}: {error}"
        );
    }
    let csv = folder.path().join("t.csv");
    let (done, told) =
        sim(&["trace", "convert", path.to_str().unwrap(), "--to", csv.to_str().unwrap()], &path);
    assert!(done, "{told}");
    assert_eq!(all(&TraceSpec::new(csv)), all(&TraceSpec::new(path)));
}

proptest::proptest! {
    #[test]
    fn no_damage_makes_the_reader_panic(
        changes in proptest::collection::vec((0..10_000_usize, proptest::num::u8::ANY), 1..4),
        choice in 0..7_u8,
        dictionary: bool,
    ) {
        let step = if dictionary { 0 } else { 3 };
        let values: Vec<i64> = (0..300).map(|i| i * step).collect();
        let levels = vec![1; values.len()];
        let groups: [Group<i64>; 2] =
            [(&values[..100], Some(&levels[..100])), (&values[100..], Some(&levels[100..]))];
        let (_folder, path) = file::<Int64Type>("optional int64 time_ms", &groups, Compression::SNAPPY);
        let mut content = vec![choice, 0];
        content.extend(fs::read(path).unwrap());
        for (place, byte) in changes {
            let length = content.len() - 6;
            content[6 + place % length] = byte;
        }
        trace::check(&content);
    }
}
