//! The kit, tested: adapters broken on purpose, each in one way that was seen in real systems, must be caught by the cases
//! that are there for it, and the unbroken adapter must pass the same cases.

mod account_fault;
mod account_store;
mod api_key_fault;
mod api_key_store;
mod checkpoint_fault;
mod commit_fault;
mod end_fault;
mod feed_fault;
mod guard_fault;
mod history_fault;
mod key_fault;
mod publisher;
mod replay_fault;
mod retention_fault;
mod row_fault;
mod shared;
mod store;
mod stream_fault;
mod tokens_hasher_mailer;
mod user_list_fault;

use portcullis_contract::run;

/// Whether a case fails, for a reason of its own.
fn fails(case: impl Future<Output = ()> + Send + 'static) -> bool {
    let line = "a line";
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(line, case)));
    outcome.is_err_and(|panic| {
        let text = panic.downcast_ref::<String>().expect("a failed case says why");
        text.contains("This breaks the contract: a line")
    })
}

/// Makes a test of a fault: each case fails on the harness with the fault, and holds on the harness without.
macro_rules! caught {
    ($($(#[$doc:meta])* $name:ident: $broken:ty, $sound:ty => [$($port:ident::$case:ident),+ $(,)?])+) => {$(
        $(#[$doc])*
        #[test]
        fn $name() {
            $(
                portcullis_contract::run(stringify!($case), portcullis_contract::$port::$case::<$sound>());
                assert!(
                    crate::fails(portcullis_contract::$port::$case::<$broken>()),
                    concat!(stringify!($case), " does not catch it")
                );
            )+
        }
    )+};
}
use caught;
