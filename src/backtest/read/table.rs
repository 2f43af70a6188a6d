//! A CSV with a call a row.
//!
//! Names of columns end in their unit (`_s`, `_ms`). What is looked for: when a call was sent (sent, arrived, opened,
//! started), how long it took (duration, service, or ended less started), and where they are known when it ended, what
//! the client waited for (client, latency), what was billed, whether its environment was new (cold), which that was
//! (environment, instance, stream), initialisation, memory, and the size of its batch.

use super::Reading;
use crate::backtest::call::{Call, Log, Member};
use crate::error::{InputError, expected};
use crate::units::MemoryMb;

/// A table that is read row by row.
pub struct Table<'a> {
    name: &'a str,
    text: &'a str,
    header: csv::StringRecord,
    reader: csv::Reader<&'a [u8]>,
    only: Vec<(usize, String)>,
}

/// A row.
pub struct Row<'a> {
    record: csv::StringRecord,
    name: &'a str,
    text: &'a str,
    header: Vec<String>,
}

/// A column and what its values are multiplied by to be seconds.
pub type Column = Option<(usize, f64)>;

const SENT: [&str; 6] = ["sent", "arrived", "intended", "opened", "started", "start"];
const DURATION: [&str; 3] = ["duration", "service", "handler"];

/// Is it the header of a table of calls?
pub fn knows(header: &str) -> bool {
    let columns: Vec<&str> = header.split([',', ';', '\t']).map(plain).collect();
    let has = |names: &[&str]| columns.iter().any(|column| names.contains(&stem(column).0));
    has(&SENT) && (has(&DURATION) || has(&["ended", "finished"]) || has(&["latency", "client"]))
}

fn plain(column: &str) -> &str {
    column.trim().trim_matches(['"', '\u{feff}'])
}

/// A name without its unit, and the unit in seconds.
fn stem(column: &str) -> (&str, f64) {
    let units = [("_ms", 1e-3), ("_us", 1e-6), ("_ns", 1e-9), ("_s", 1.0)];
    let found = units.iter().find_map(|(end, seconds)| Some((column.strip_suffix(end)?, *seconds)));
    found.unwrap_or((column, 1.0))
}

impl<'a> Table<'a> {
    /// A table from its text.
    ///
    /// # Errors
    /// A column to choose rows by is not there.
    pub fn new(text: &'a str, name: &'a str, reading: &Reading) -> Result<Table<'a>, InputError> {
        let first = text.lines().next().unwrap_or("");
        let count = |c: char| first.matches(c).count();
        let delimiter = [',', ';', '\t'].into_iter().max_by_key(|c| count(*c)).unwrap_or(',');
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter as u8)
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .from_reader(text.as_bytes());
        let header = reader.headers().map_err(|e| broken(name, text, &e))?.clone();
        let header: csv::StringRecord = header.iter().map(plain).collect();
        let place = |(column, value): &(String, String)| {
            let at = header.iter().position(|known| known == column);
            at.map(|at| (at, value.clone())).ok_or_else(|| {
                let names: Vec<&str> = header.iter().collect();
                let message = format!("--where {column}: there is no such column");
                InputError::new(name, message).help(expected(column, &names))
            })
        };
        let only = reading.only.iter().map(place).collect::<Result<_, _>>()?;
        Ok(Table { name, text, header, reader, only })
    }

    /// The first column of these names, without units.
    pub fn any(&self, names: &[&str]) -> Column {
        let find = |name: &&str| {
            let is = |column: &str| column == *name || stem(column).0 == *name;
            let at = self.header.iter().position(is)?;
            Some((at, stem(&self.header[at]).1))
        };
        names.iter().find_map(find)
    }

    /// The next row of those that are wanted.
    ///
    /// # Errors
    /// A row cannot be read.
    pub fn next_row(&mut self) -> Result<Option<Row<'a>>, InputError> {
        loop {
            let mut record = csv::StringRecord::new();
            let more = self.reader.read_record(&mut record).map_err(|e| broken(self.name, self.text, &e))?;
            if !more {
                return Ok(None);
            }
            if self.only.iter().all(|(at, value)| record.get(*at) == Some(value)) {
                let header = self.header.iter().map(str::to_owned).collect();
                return Ok(Some(Row { record, name: self.name, text: self.text, header }));
            }
        }
    }
}

fn broken(name: &str, text: &str, error: &csv::Error) -> InputError {
    let line = error.position().map_or(1, |p| p.line() as usize);
    let excerpt = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("this row has {len} fields, the header {expected_len}")
        }
        _ => error.to_string(),
    };
    InputError::at_line(name, line, excerpt, message).help("mend the row, or remove it")
}

impl Row<'_> {
    fn cell(&self, column: Column) -> Option<&str> {
        column.and_then(|(at, _)| self.record.get(at)).filter(|cell| !cell.is_empty())
    }

    fn wrong(&self, column: Column, wanted: &str) -> InputError {
        let at = column.map_or(0, |(at, _)| at);
        let line = self.record.position().map_or(1, |p| p.line() as usize);
        let excerpt = self.text.lines().nth(line.saturating_sub(1)).unwrap_or("");
        let message = format!("`{}` is `{}`", self.header[at], self.record.get(at).unwrap_or(""));
        InputError::at_line(self.name, line, excerpt, message).help(format!("expected {wanted}"))
    }

    /// A number, in seconds where it is a time; `None` where the cell is empty or there is no such column.
    ///
    /// # Errors
    /// It is none.
    pub fn number(&self, column: Column) -> Result<Option<f64>, InputError> {
        let Some(cell) = self.cell(column) else { return Ok(None) };
        let unit = column.map_or(1.0, |(_, unit)| unit);
        let value = cell.parse().ok().filter(|x: &f64| x.is_finite() && x.abs() < 1e15);
        value.map(|x| Some(x * unit)).ok_or_else(|| self.wrong(column, "a number"))
    }

    fn truth(&self, column: Column) -> Result<Option<bool>, InputError> {
        match self.cell(column).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("1" | "true" | "yes" | "cold" | "1.0") => Ok(Some(true)),
            Some("0" | "false" | "no" | "warm" | "0.0") => Ok(Some(false)),
            Some(_) => Err(self.wrong(column, "0 or 1")),
        }
    }

    fn whole(&self, column: Column) -> Result<Option<u32>, InputError> {
        let Some(cell) = self.cell(column) else { return Ok(None) };
        cell.parse().map(Some).map_err(|_| self.wrong(column, "a whole number"))
    }
}

/// The columns of a table of calls.
struct Columns {
    sent: Column,
    started: Column,
    ended: Column,
    returned: Column,
    duration: Column,
    client: Column,
    overhead: Column,
    billed: Column,
    cold: Column,
    init: Column,
    environment: Column,
    memory: Column,
    size: Column,
    function: Column,
    run: Column,
}

impl Columns {
    fn of(table: &Table<'_>) -> Columns {
        Columns {
            sent: table.any(&SENT),
            started: table.any(&["started", "start"]),
            ended: table.any(&["ended", "finished", "end"]),
            returned: table.any(&["returned", "answered"]),
            duration: table.any(&DURATION),
            client: table.any(&["client", "latency", "response"]),
            overhead: table.any(&["overhead"]),
            billed: table.any(&["billed"]),
            cold: table.any(&["cold"]),
            init: table.any(&["init"]),
            environment: table.any(&["environment", "instance", "container", "stream", "log_stream"]),
            memory: table.any(&["memory_mb", "memory"]),
            size: table.any(&["size", "batch_size", "batch"]),
            function: table.any(&["function", "function_name", "functionname"]),
            run: table.any(&["run", "experiment"]),
        }
    }
}

/// The calls of a table.
///
/// # Errors
/// A row cannot be understood; rows are those of several runs, or of batches whose requests are not known.
pub fn parse(text: &str, name: &str, reading: &Reading) -> Result<Log, InputError> {
    let mut table = Table::new(text, name, reading)?;
    let columns = Columns::of(&table);
    let mut log = Log::default();
    let mut runs: Vec<String> = Vec::new();
    let mut names: std::collections::BTreeMap<String, u32> = std::collections::BTreeMap::new();
    while let Some(row) = table.next_row()? {
        if let Some(run) = row.cell(columns.run).filter(|run| !runs.iter().any(|known| known == run)) {
            runs.push(run.to_owned());
        }
        if let Some(function) = row.cell(columns.function) {
            *log.functions.entry(function.to_owned()).or_default() += 1;
        }
        if row.number(columns.size)?.is_some_and(|size| size > 1.0) {
            return Err(row
                .wrong(columns.size, "calls of one request each")
                .help("which requests were in which batch is not in a table of calls: give the folder of sim serve, whose requests.csv says so"));
        }
        match call(&row, &columns, &mut names)? {
            Ok(call) => log.calls.push(call),
            Err(reason) => *log.skipped.entry(reason.to_owned()).or_default() += 1,
        }
    }
    if let [first, _, ..] = &runs[..] {
        let column = columns.run.map_or("run", |(at, _)| &table.header[at]);
        let message = format!("holds {} runs in column `{column}`", runs.len());
        return Err(InputError::new(name, message).help(format!("choose one: --where {column}={first}")));
    }
    first_uses(&mut log, columns.cold.is_some());
    Ok(log)
}

/// A call, or why the row is none.
fn call(
    row: &Row<'_>,
    columns: &Columns,
    names: &mut std::collections::BTreeMap<String, u32>,
) -> Result<Result<Call, &'static str>, InputError> {
    let number = |column: Column| row.number(column);
    let Some(sent) = number(columns.sent)? else { return Ok(Err("rows without a time")) };
    let (started, ended) = (number(columns.started)?, number(columns.ended)?);
    let init = number(columns.init)?;
    let between = started.zip(ended).map(|(from, to)| to - from - init.unwrap_or(0.0));
    let (client, returned) = (number(columns.client)?, number(columns.returned)?);
    let whole = client.or(returned.map(|at| at - sent));
    let Some(duration) = number(columns.duration)?.or(between).or(whole) else {
        return Ok(Err("rows without a duration"));
    };
    if duration < 0.0 {
        return Ok(Err("rows with a negative duration"));
    }
    let cold = row.truth(columns.cold)?;
    // Of warm environments, some logs write an initialisation of nothing.
    let init = init.filter(|init| *init > 0.0 || cold == Some(true));
    let served = init.unwrap_or(0.0) + duration;
    let beside = number(columns.overhead)?;
    let latency =
        whole.or(beside.map(|beside| served + beside)).or(ended.map(|at| at - sent)).unwrap_or(served);
    let environment = row.cell(columns.environment).map(|text| {
        let next = names.len() as u32;
        *names.entry(text.to_owned()).or_insert(next)
    });
    Ok(Ok(Call {
        members: vec![Member { arrived: sent, latency }],
        sent,
        ended: ended.unwrap_or(sent + served),
        duration,
        billed: number(columns.billed)?,
        cold: cold.or(init.map(|_| true)),
        init,
        environment,
        memory: row.whole(columns.memory)?.map(MemoryMb),
    }))
}

/// Where a log names environments and does not say which are new, the first use of each is taken to be.
fn first_uses(log: &mut Log, says_so: bool) {
    if says_so || log.calls.iter().all(|call| call.environment.is_none()) {
        // With initialisations alone, calls without one are warm.
        if log.calls.iter().any(|call| call.cold == Some(true)) {
            log.calls.iter_mut().for_each(|call| call.cold = Some(call.cold == Some(true)));
        }
        return;
    }
    log.calls.sort_by(|a, b| a.sent.total_cmp(&b.sent));
    let mut seen = std::collections::BTreeSet::new();
    for call in &mut log.calls {
        call.cold = Some(call.environment.is_some_and(|environment| seen.insert(environment)));
    }
    log.notes
        .push("the log does not say which environments are new: the first use of each is taken to be".into());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Log, InputError> {
        parse(text, "calls.csv", &Reading::default()).map(Log::ordered)
    }

    #[test]
    fn every_value_of_a_table_arrives_where_it_belongs() {
        let log = read(
            "sent_s,started_s,ended_s,cold,environment,duration_ms,billed_ms,client_ms\n\
             10.000,10.058,12.005,1,a7,1900.5,2000,2300.25\n15.000,15.060,16.900,0,a7,1800,1800,1900\n\
             20,20.1,22,0,a7,,,\n",
        )
        .unwrap();
        let [first, second, third] = &log.calls[..] else { panic!() };
        assert_eq!((first.sent, first.members[0].latency, first.cold), (0.0, 2.30025, Some(true)));
        assert_eq!((first.duration, first.billed, first.environment), (1.9005, Some(2.0), Some(0)));
        assert!((second.ended - 6.9).abs() < 1e-9 && second.cold == Some(false));
        // Without a duration: what lies between start and end; without the client's time: until the end.
        assert!((third.duration - 1.9).abs() < 1e-9 && (third.members[0].latency - 2.0).abs() < 1e-9);
    }

    #[test]
    fn other_words_units_and_separators_are_the_same_to_it() {
        let log = read("arrived_ms;instance;init_ms;service_ms\n0;x;250;100\n5000;x;;90\n").unwrap();
        assert_eq!(
            (log.calls[0].init, log.calls[0].cold, log.calls[1].cold),
            (Some(0.25), Some(true), Some(true).map(|_| false))
        );
        assert!((log.calls[1].sent - 5.0).abs() < 1e-12 && (log.calls[0].ended - 0.35).abs() < 1e-12);
        let log = read("sent_ms,started_ms,ended_ms,returned_ms,environment\n0,286,1422,1483,0\n9000,9010,10100,10150,0\n").unwrap();
        assert_eq!((log.calls[0].cold, log.calls[1].cold), (Some(true), Some(false)));
        assert!((log.calls[1].members[0].latency - 1.15).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_used_is_counted_or_named_with_its_line() {
        let log = read("sent_s,duration_ms\n1,100\n,100\n3,\n4,-5\n").unwrap();
        let reasons: Vec<(&str, usize)> =
            log.skipped.iter().map(|(why, count)| (why.as_str(), *count)).collect();
        assert_eq!(log.calls.len(), 1);
        assert_eq!(
            reasons,
            [
                ("rows with a negative duration", 1),
                ("rows without a duration", 1),
                ("rows without a time", 1)
            ]
        );
        let error = read("sent_s,duration_ms\n1,fast\n").unwrap_err().to_string();
        assert!(error.contains("calls.csv:2") && error.contains("`duration_ms` is `fast`"), "{error}");
        let error = read("run,sent_s,duration_ms\na,1,5\nb,1,5\n").unwrap_err().to_string();
        assert!(error.contains("--where run=a"), "{error}");
        let error = read("sent_s,latency_ms,batch\n1,5,8\n").unwrap_err().to_string();
        assert!(error.contains("requests.csv"), "{error}");
        let some = Reading { only: vec![("run".into(), "b".into())], ..Reading::default() };
        let log = parse("run,sent_s,duration_ms\na,1,5\nb,1,5\n", "calls.csv", &some).unwrap();
        assert_eq!(log.calls.len(), 1);
    }
}
