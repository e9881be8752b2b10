//! One JSON object a line.

use std::io::{self, BufRead, Read};

use serde_json::Map;

use super::{
    MAX_RECORD,
    record::{Line, Record, Value},
};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads lines, none of which takes more than [`MAX_RECORD`] bytes of memory.
pub(crate) struct JsonLines<R> {
    input: R,
    number: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> JsonLines<R> {
    pub(crate) const fn new(input: R) -> Self {
        Self { input, number: 0, buffer: Vec::new() }
    }

    /// The next line that is not blank; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            self.buffer.clear();
            let limit = MAX_RECORD as u64 + 1;
            if (&mut self.input).take(limit).read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let is_cut = self.buffer.len() > MAX_RECORD && self.buffer.last() != Some(&b'\n');
            if is_cut {
                self.input.skip_until(b'\n')?;
                let content = Err(format!("is longer than {MAX_RECORD} bytes"));
                return Ok(Some(Line { number: self.number, content }));
            }
            let mut text = self.buffer.as_slice();
            if self.number == 1 {
                text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
            }
            let text = text.trim_ascii();
            if !text.is_empty() {
                return Ok(Some(Line { number: self.number, content: read(text) }));
            }
        }
    }
}

fn read(text: &[u8]) -> Result<Record, String> {
    // The parser's own words might quote what the line holds.
    let text = str::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())?;
    let object: Map<_, _> = serde_json::from_str(text).map_err(|_| "is no JSON object".to_owned())?;
    let fields = object.into_iter().filter_map(|(name, value)| {
        let value = match value {
            serde_json::Value::Null => return None,
            serde_json::Value::String(text) => Value::Text(text),
            serde_json::Value::Bool(flag) => Value::Flag(flag),
            _ => Value::Other,
        };
        Some((name, value))
    });
    Ok(Record(fields.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, Result<Record, String>)> {
        let mut reader = JsonLines::new(text);
        let mut lines = Vec::new();
        while let Some(Line { number, content }) = reader.next().expect("memory reads") {
            lines.push((number, content));
        }
        lines
    }

    fn email(text: &str) -> Record {
        Record([("email".to_owned(), Value::Text(text.to_owned()))].into())
    }

    #[test]
    fn a_mark_blank_lines_and_any_line_end_are_passed_over() {
        let read = lines(b"\xef\xbb\xbf{\"email\":\"a\"}\r\n\n  \r\n{\"email\":\"b\"}");
        assert_eq!(read, [(1, Ok(email("a"))), (4, Ok(email("b")))]);
    }

    #[test]
    fn what_does_not_read_is_refused_by_its_number_and_the_next_line_is_read() {
        let mut text = b"{\"email\":\"a\"\n\"text\"\n[]\n{\"email\":\"\xff\"}\n\0\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', 10 << 20));
        text.extend(b"\n{\"email\":\"b\"}\n");
        let read = lines(&text);
        let problems: Vec<_> = read.iter().map(|(number, line)| (*number, line.is_err())).collect();
        assert_eq!(problems, [(1, true), (2, true), (3, true), (4, true), (5, true), (6, true), (7, false)]);
        assert_eq!(read[5].1, Err(format!("is longer than {MAX_RECORD} bytes")));
    }

    #[test]
    fn what_is_null_is_not_there_and_what_is_no_text_is_told() {
        let read = lines(b"{\"email\":null,\"is_active\":true,\"phone\":[1]}");
        let fields = [("is_active".to_owned(), Value::Flag(true)), ("phone".to_owned(), Value::Other)];
        assert_eq!(read, [(1, Ok(Record(fields.into())))]);
    }

    #[test]
    fn nesting_without_an_end_is_refused() {
        assert!(lines("{\"email\":".repeat(10_000).as_bytes())[0].1.is_err());
    }
}
