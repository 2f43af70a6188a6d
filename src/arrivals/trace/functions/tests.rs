use super::*;
use crate::arrivals::trace::TraceSpec;
use crate::numeric::streams::Streams;

fn spec(text: &str) -> (tempfile::TempDir, FunctionsSpec) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, text).unwrap();
    (folder, FunctionsSpec { paths: vec![path], ..FunctionsSpec::default() })
}

fn all(spec: &FunctionsSpec) -> Vec<(String, Vec<Time>)> {
    // Few rows in memory: the others are sorted on disk.
    let mut functions = spec.open_with(100).unwrap();
    let mut found = Vec::new();
    while let Some(function) = functions.next().unwrap() {
        assert_eq!(function.number, found.len());
        found.push((function.name.clone(), function.arrivals(Streams::new(3).stream("trace")).unwrap()));
    }
    found
}

/// What a scenario with only this function would replay.
fn alone(spec: &FunctionsSpec, set: impl FnOnce(&mut TraceSpec)) -> Vec<Time> {
    let mut alone = TraceSpec::of(spec.paths.clone());
    set(&mut alone);
    collect(&mut *alone.open(Streams::new(3).stream("trace")).unwrap()).unwrap()
}

#[test]
fn rows_of_minutes_are_what_each_row_is_alone() {
    let (_folder, spec) = spec("HashOwner,HashFunction,1,2,3\no,a,0,2,1\no,b,0,0,0\no,c,900,0,70\n");
    let found = all(&spec);
    assert_eq!(
        found.iter().map(|(name, times)| (&name[..], times.len())).collect::<Vec<_>>(),
        [("a", 3), ("b", 0), ("c", 970)]
    );
    for (name, times) in &found {
        assert_eq!(*times, alone(&spec, |spec| spec.row = Some(name.clone())), "{name}");
    }
    assert_eq!(spec.open().unwrap().length(), Span::from_secs(180));
}

/// More rows than are sorted in memory at a time, in an order of their own.
#[test]
fn rows_of_calls_are_what_each_function_is_alone() {
    let mut text = "when_s,func\n".to_owned();
    let (mut times, mut draw) = (Vec::new(), 1_u64);
    for _ in 0..1234 {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (time, name) = ((draw >> 33) % 86_400_000, ["red", "green", "blue"][(draw >> 20) as usize % 3]);
        times.push(time);
        text.push_str(&format!("{}.{:03},{name}\n", time / 1000, time % 1000));
    }
    let (_folder, mut spec) = spec(&text);
    spec.time = Some("when_s".into());
    let found = all(&spec);
    assert_eq!(found.len(), 3);
    assert_eq!(found.iter().map(|(_, times)| times.len()).sum::<usize>(), 1234);
    for (name, times) in &found {
        let of = |spec: &mut TraceSpec| {
            (spec.function, spec.column) = (Some(name.clone()), Some("when_s".into()));
            spec.order = crate::arrivals::trace::Order::Whole;
        };
        assert_eq!(*times, alone(&spec, of), "{name}");
    }
    let span = times.iter().max().unwrap() - times.iter().min().unwrap();
    assert_eq!(spec.open().unwrap().length(), Span::from_millis(span));
}

#[test]
fn counts_by_function_and_bin_are_those_of_the_same_rows_of_minutes() {
    let (_folder, wide) = spec("f,1,2,3,4\na,0,2,1,0\nb,5,0,0,1\n");
    let long = "function,minute,count\nb,7,2\na,8,2\na,9,1\nb,10,1\nb,7,3\na,10,0\n";
    let (_other, mut long) = spec(long);
    long.bin = Some(Span::from_secs(60));
    let mut rows = all(&long);
    rows.sort();
    assert_eq!(rows, all(&wide));
    assert_eq!(long.open().unwrap().length(), Span::from_secs(240));
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    let refused = |text: &str, set: fn(&mut FunctionsSpec)| {
        let (_folder, mut spec) = spec(text);
        set(&mut spec);
        let error = spec.open().and_then(|mut functions| {
            while functions.next()?.is_some() {}
            Ok(())
        });
        error.unwrap_err().to_string()
    };
    let keep = |_: &mut FunctionsSpec| {};
    for (text, told) in [
        ("func,time\na,1\nb,x\n", "3: `x`"),
        ("func,time\na,1\n,2\n", "3: a row without the name"),
        ("f,time\na,1\nb,2\n", "name it with `--function`: f, time"),
        ("func,time\na,1\nb,1\n", "at one instant"),
        ("func,minute,count\na,1,2\n", "how long a bin"),
        ("f,1,2\na,1,x\n", "2: `x`"),
        ("f,1,2\na,1\n", "has 1 minutes, the header 2"),
    ] {
        let error = refused(text, keep);
        assert!(error.contains(told), "{text}: {error}");
    }
    let error = refused("f,1,2\na,1,2\n", |spec| spec.unit = Some(Unit::Millis));
    assert!(error.contains("azure-2019, in which `unit` cannot act"), "{error}");
    let error = refused("func,time\na,1.5\nb,2\n", |spec| {
        (spec.layout, spec.count) = (Some(FunctionLayout::Counts), Some("2".into()));
    });
    assert!(error.contains("which bin"), "{error}");
}
