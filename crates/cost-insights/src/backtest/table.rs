//! Reads histories and labels from CSV files. Columns are found by name, in any order, among any others.
//!
//! Nothing is repaired. The first fault ends the reading, and names its place and a correct form. A byte order mark,
//! CRLF and quoted fields are allowed.

use std::fmt;

use csv::{ErrorKind, Position, Reader, ReaderBuilder, StringRecord};
use jiff::civil::Date;

use crate::model::LARGEST;

use super::Spike;
use super::history::{Builder, Conflict, History};

/// The fault of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    file: String,
    line: Option<u64>,
    field: Option<&'static str>,
    problem: String,
}

impl fmt::Display for Fault {
    /// One line: the file, the line counted from 1, the field, the fault and a correct form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(field) = self.field {
            write!(f, ", {field}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// Reads daily amounts: `day,group,amount`, and `currency` when there are several.
///
/// `file` is the file's name in a fault.
///
/// # Errors
///
/// The first fault.
pub fn history(file: &str, input: &[u8]) -> Result<Vec<History>, Fault> {
    let mut rows = Rows::new(file, input, ["day", "group", "amount"])?;
    let currency = rows.optional("currency")?;
    let mut builder = Builder::default();
    while let Some([day, group, amount]) = rows.next()? {
        let day = rows.day("day", &day)?;
        if group.is_empty() {
            return Err(rows.fault("group", "is empty; each row needs the name of what the money was spent on"));
        }
        let amount = rows.amount(&amount)?;
        let currency = currency.map_or("", |at| &rows.record[at]);
        if let Err(conflict) = builder.add(rows.line, day, &group, currency, amount) {
            return Err(rows.conflict(&conflict, day, &group, currency));
        }
    }
    rows.some()?;
    Ok(builder.finish())
}

/// Reads the labelled spikes: `group,from,to`, both days included.
///
/// # Errors
///
/// The first fault. A group that is not in `histories` is a fault.
pub fn spikes(file: &str, input: &[u8], histories: &[History]) -> Result<Vec<Spike>, Fault> {
    let mut rows = Rows::new(file, input, ["group", "from", "to"])?;
    let mut spikes = Vec::new();
    while let Some([group, from, to]) = rows.next()? {
        if !histories.iter().any(|history| history.groups().contains(&group)) {
            let problem = format!("{group:?} is no group of the history; the names must be the same to the letter");
            return Err(rows.fault("group", problem));
        }
        let (from, to) = (rows.day("from", &from)?, rows.day("to", &to)?);
        if from > to {
            let problem = format!("{from} is after {to}, the day in `to`; swap the two");
            return Err(rows.fault("from", problem));
        }
        spikes.push(Spike { group, from, to });
    }
    Ok(spikes)
}

/// The rows of a file, and their lines.
struct Rows<'a> {
    file: String,
    input: &'a [u8],
    reader: Reader<&'a [u8]>,
    headers: StringRecord,
    columns: [usize; 3],
    record: StringRecord,
    line: u64,
}

impl<'a> Rows<'a> {
    fn new(file: &str, input: &'a [u8], needed: [&'static str; 3]) -> Result<Self, Fault> {
        let reader = ReaderBuilder::new().from_reader(input);
        let (headers, record) = (StringRecord::new(), StringRecord::new());
        let mut rows = Self { file: file.to_owned(), input, reader, headers, columns: [0; 3], record, line: 1 };
        rows.headers = rows.reader.headers().cloned().map_err(|error| rows.unreadable(&error))?;
        let header = needed.join(",");
        if rows.headers.is_empty() {
            return Err(rows.of_file(format!("is empty; its first line must be {header}")));
        }
        for (place, name) in needed.into_iter().enumerate() {
            let Some(column) = rows.optional(name)? else {
                let found = rows.headers.iter().collect::<Vec<_>>().join(",");
                let problem = format!("the column is missing; the first line must be {header}, it is {found:?}");
                return Err(rows.fault(name, problem));
            };
            rows.columns[place] = column;
        }
        Ok(rows)
    }

    /// The index of a column. `None` when it is missing.
    fn optional(&self, name: &'static str) -> Result<Option<usize>, Fault> {
        let mut found = self.headers.iter().enumerate().filter(|(_, header)| *header == name);
        let first = found.next().map(|(at, _)| at);
        match found.next() {
            None => Ok(first),
            Some(_) => Err(self.fault(name, "two columns have this name; rename or remove one")),
        }
    }

    /// The required fields of the next row.
    fn next(&mut self) -> Result<Option<[String; 3]>, Fault> {
        match self.reader.read_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(self.unreadable(&error)),
        }
        self.line = self.record.position().map_or(self.line + 1, |position| self.line_at(position));
        Ok(Some(self.columns.map(|at| self.record[at].to_owned())))
    }

    /// The line at which a record begins. Its position is before the empty lines that are skipped.
    fn line_at(&self, position: &Position) -> u64 {
        let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let empty = self.input.iter().skip(from).take_while(|byte| matches!(byte, b'\r' | b'\n'));
        position.line() + empty.map(|byte| u64::from(*byte == b'\n')).sum::<u64>()
    }

    /// Fails when there was no row.
    fn some(&self) -> Result<(), Fault> {
        if self.line > 1 { Ok(()) } else { Err(self.of_file("has no rows after its first line".to_owned())) }
    }

    fn day(&self, field: &'static str, text: &str) -> Result<Date, Fault> {
        // jiff accepts more, such as a day with an hour. Such a text does not name a UTC day.
        let day = text.parse::<Date>().ok().filter(|day| day.to_string() == text);
        day.ok_or_else(|| self.fault(field, format!("{text:?} is no day; write it as 2026-01-31")))
    }

    /// An amount in the form of JSON numbers. Rust's own parser also reads `inf`, `NaN`, `+1` and `.5`.
    fn amount(&self, text: &str) -> Result<f64, Fault> {
        let is_number = text.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit()) && !text.ends_with('.');
        let amount = text.parse::<f64>().ok().filter(|_| is_number);
        let amount = amount.ok_or_else(|| {
            self.fault("amount", format!("{text:?} is no amount; write it as 1234.56, with nothing around it"))
        })?;
        if amount.abs() > LARGEST {
            return Err(self.fault("amount", format!("{text:?} is more than any bill; is the column right?")));
        }
        Ok(amount)
    }

    fn conflict(&self, conflict: &Conflict, day: Date, group: &str, currency: &str) -> Fault {
        match conflict {
            Conflict::Repeated(line) => {
                let problem =
                    format!("{group:?} has an amount for {day} already, in line {line}; add the two, or remove one");
                self.fault("day", problem)
            }
            Conflict::Currency(other, line) => {
                let problem = format!(
                    "{group:?} is in {other:?} in line {line}, and in {currency:?} here; give each currency a group of its own"
                );
                self.fault("currency", problem)
            }
        }
    }

    fn unreadable(&self, error: &csv::Error) -> Fault {
        let line = error.position().map(|position| self.line_at(position));
        let problem = match error.kind() {
            ErrorKind::UnequalLengths { expected_len, len, .. } => format!(
                "there are {len} fields, and {expected_len} in the first line; put a field with a comma in it in quotes"
            ),
            ErrorKind::Utf8 { .. } => "it is no UTF-8 text; save the file as UTF-8".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        Fault { file: self.file.clone(), line, field: None, problem }
    }

    fn fault(&self, field: &'static str, problem: impl Into<String>) -> Fault {
        Fault { file: self.file.clone(), line: Some(self.line), field: Some(field), problem: problem.into() }
    }

    fn of_file(&self, problem: String) -> Fault {
        Fault { file: self.file.clone(), line: None, field: None, problem }
    }
}
