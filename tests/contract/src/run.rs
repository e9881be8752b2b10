use std::{any::Any, time::Duration};

use tokio::runtime::Builder;

/// More than the cores of a small machine, so that races are races.
const THREADS: usize = 4;
/// Beyond it a case hangs: a lost wake-up, a deadlock.
const LIMIT: Duration = Duration::from_secs(180);

/// Runs a case on a multi-threaded runtime of its own, whatever runtime the caller's tests use, and says which line of the
/// contract is broken when it fails.
///
/// # Panics
///
/// When the case fails, or does not end.
pub fn run(line: &str, case: impl Future<Output = ()> + Send + 'static) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .expect("the operating system has threads to give");
    let outcome = runtime.block_on(async { tokio::time::timeout(LIMIT, tokio::spawn(case)).await });
    runtime.shutdown_background();
    let failure = match outcome {
        Ok(Ok(())) => return,
        Ok(Err(error)) => {
            error.try_into_panic().map_or_else(|error| error.to_string(), |panic| text(&*panic))
        }
        Err(_) => format!("the case did not end within {LIMIT:?}"),
    };
    panic!("{failure}\n\nThis breaks the contract: {line}\n");
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "the case panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::run;

    #[test]
    #[should_panic(expected = "This breaks the contract: Every put row is found.")]
    fn a_failed_case_quotes_the_line_it_enforces() {
        run("Every put row is found.", async { assert_eq!(1, 2, "the row") });
    }

    #[test]
    fn a_case_that_holds_returns() {
        run("Every put row is found.", async {});
    }
}
