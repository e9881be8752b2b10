use std::{
    io::{self, BufRead, IsTerminal, Read},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

const REDRAW: Duration = Duration::from_millis(200);

/// A bar on standard error where that is a terminal, nothing elsewhere.
pub(crate) fn bar(bytes: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match bytes {
        Some(bytes) => (ProgressBar::new(bytes), "{wide_bar} {percent}%  {msg}  {elapsed} gone, {eta} to go"),
        None => (ProgressBar::new_spinner(), "{spinner} {decimal_bytes}  {msg}  {elapsed} gone"),
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is one"));
    bar.enable_steady_tick(REDRAW);
    bar
}

/// Input that moves a bar on by what is read of it.
pub(crate) struct Watched<R> {
    pub(crate) input: R,
    pub(crate) bar: ProgressBar,
}

impl<R: BufRead> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bar.inc(read as u64);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Watched<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.input.consume(amount);
        self.bar.inc(amount as u64);
    }
}
