//! RFC 4180: a header, then a person a record, which may hold line ends within quotes.

use std::io::{self, BufRead};

use anyhow::{Context, bail};
use csv_core::ReadRecordResult;

use super::{
    MAX_RECORD,
    fields::is_known,
    record::{Line, Record, Value},
};

const MAX_FIELDS: usize = 256;

/// Reads records, none of which takes more than [`MAX_RECORD`] bytes of memory: a quote that is never closed would otherwise take in
/// the rest of the file.
pub(crate) struct CommaSeparated<R> {
    input: R,
    parser: csv_core::Reader,
    header: Vec<String>,
    fields: Box<[u8]>,
    ends: [usize; MAX_FIELDS],
}

/// How a record was read.
enum Raw {
    /// This many fields.
    Whole(usize),
    TooLong,
    End,
}

impl<R: BufRead> CommaSeparated<R> {
    /// Reads the header; refuses one that lacks what everybody needs, or names what nobody has.
    pub(crate) fn new(input: R, ignore_unknown: bool) -> anyhow::Result<Self> {
        let mut reader = Self {
            input,
            parser: csv_core::Reader::new(),
            header: Vec::new(),
            fields: vec![0; MAX_RECORD].into(),
            ends: [0; MAX_FIELDS],
        };
        let count = match reader.read()? {
            Raw::Whole(count) => count,
            Raw::TooLong => bail!("the header is longer than {MAX_RECORD} bytes or {MAX_FIELDS} columns"),
            Raw::End => bail!("the file is empty: its first line must name the columns"),
        };
        let names = reader.texts(count).map(|name| name.map(|name| name.trim().to_owned()));
        reader.header = names.collect::<Result<_, _>>().context("the header is not UTF-8")?;
        for (index, name) in reader.header.iter().enumerate() {
            if reader.header[..index].contains(name) {
                bail!("the header names the column {name:?} twice");
            }
            if !is_known(name) && !ignore_unknown {
                bail!(
                    "the column {name:?} is no field of a user; --ignore-unknown reads the file without it"
                );
            }
        }
        for needed in ["email", "name"] {
            if !reader.header.iter().any(|name| name == needed) {
                bail!("the header names no column {needed:?}");
            }
        }
        Ok(reader)
    }

    /// The next record; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        let number = self.parser.line();
        let content = match self.read()? {
            Raw::End => return Ok(None),
            Raw::TooLong => Err(format!(
                "is longer than {MAX_RECORD} bytes or {MAX_FIELDS} fields: is a quote not closed?"
            )),
            Raw::Whole(count) if count != self.header.len() => {
                Err(format!("has {count} fields where the header has {}", self.header.len()))
            }
            Raw::Whole(count) => self.record(count),
        };
        Ok(Some(Line { number, content }))
    }

    fn record(&self, count: usize) -> Result<Record, String> {
        let mut record = Record::default();
        for (name, text) in self.header.iter().zip(self.texts(count)) {
            let text = text.map_err(|_| "is not UTF-8".to_owned())?;
            if !text.is_empty() {
                record.0.insert(name.clone(), Value::Text(text.to_owned()));
            }
        }
        Ok(record)
    }

    fn texts(&self, count: usize) -> impl Iterator<Item = Result<&str, std::str::Utf8Error>> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends[..count]).map(|(start, end)| str::from_utf8(&self.fields[*start..*end]))
    }

    /// Reads one record into the buffers; what they do not hold is read and dropped.
    fn read(&mut self) -> io::Result<Raw> {
        let (mut written, mut count, mut is_too_long) = (0, 0, false);
        loop {
            let input = self.input.fill_buf()?;
            let (result, read, bytes, ends) =
                self.parser.read_record(input, &mut self.fields[written..], &mut self.ends[count..]);
            self.input.consume(read);
            written += bytes;
            count += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => (written, is_too_long) = (0, true),
                ReadRecordResult::OutputEndsFull => (count, is_too_long) = (0, true),
                ReadRecordResult::Record | ReadRecordResult::End if is_too_long => return Ok(Raw::TooLong),
                ReadRecordResult::Record => return Ok(Raw::Whole(count)),
                ReadRecordResult::End => return Ok(Raw::End),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, Result<Vec<String>, String>)> {
        let mut reader = CommaSeparated::new(text, false).expect("a header");
        let mut lines = Vec::new();
        while let Some(Line { number, content }) = reader.next().expect("memory reads") {
            let texts = |record: Record| {
                record.0.into_iter().map(|(name, value)| format!("{name}={value:?}")).collect()
            };
            lines.push((number, content.map(texts)));
        }
        lines
    }

    /// What a line of these fields reads as.
    #[expect(clippy::unnecessary_wraps, reason = "it is compared with what was read")]
    fn fields(fields: &[(&str, &str)]) -> Result<Vec<String>, String> {
        Ok(fields.iter().map(|(name, text)| format!("{name}=Text({text:?})")).collect())
    }

    #[test]
    fn a_mark_quotes_and_any_line_end_are_read() {
        let read =
            lines(b"\xef\xbb\xbfemail, name\r\na,\"Doe, \"\"Jane\"\"\"\r\n\r\nb,\n\"c\",\"x\ny\"\nd,z");
        assert_eq!(read[0].1, fields(&[("email", "a"), ("name", "Doe, \"Jane\"")]));
        assert_eq!(read[1].1, fields(&[("email", "b")]));
        assert_eq!(read[2].1, fields(&[("email", "c"), ("name", "x\ny")]));
        assert_eq!(read[3].1, fields(&[("email", "d"), ("name", "z")]));
        assert_eq!(read.len(), 4);
    }

    #[test]
    fn what_does_not_read_is_refused_and_the_next_record_is_read() {
        let mut text = b"email,name\na\na,b,c\n\xff,b\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', 10 << 20));
        text.extend(b",y\n");
        text.extend(std::iter::repeat_n(b',', 1000));
        text.extend(b"\na,b\n");
        let read = lines(&text);
        let problems: Vec<_> = read.iter().map(|(number, line)| (*number, line.is_err())).collect();
        assert_eq!(problems, [(2, true), (3, true), (4, true), (5, true), (6, true), (7, false)]);
        assert_eq!(read[0].1, Err("has 1 fields where the header has 2".to_owned()));
        assert_eq!(read[5].1, fields(&[("email", "a"), ("name", "b")]));
    }

    #[test]
    fn a_quote_that_is_not_closed_takes_no_more_memory_than_a_record_may() {
        let mut text = b"email,name\na,\"".to_vec();
        text.extend(std::iter::repeat_n(b'\n', 10 << 20));
        let read = lines(&text);
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].0, 2);
        assert!(read[0].1.as_ref().is_err_and(|problem| problem.contains("quote")), "{:?}", read[0].1);
    }

    #[test]
    fn a_header_that_cannot_be_meant_is_refused() {
        for (header, word) in [
            ("", "empty"),
            ("email\n", "\"name\""),
            ("name,role\n", "\"email\""),
            ("email,name,email\n", "twice"),
            ("email,name,password\n", "\"password\""),
        ] {
            let refused = CommaSeparated::new(header.as_bytes(), false).err().expect("refused");
            assert!(refused.to_string().contains(word), "{header:?}: {refused}");
        }
        assert!(CommaSeparated::new("email,name,password\n".as_bytes(), true).is_ok());
    }
}
