/// Lists a port's cases, each group under the line of the port's contract that it enforces, once: from the list come
///
/// * the module `$port`, which holds the cases as functions and the lines as `LINES`;
/// * the macro `$name`, which makes each case a `#[test]` of whoever calls it with a harness.
///
/// `$cases` is the module in which the functions are written.
macro_rules! contract {
    ($(#[$doc:meta])* $name:ident, $port:ident, $cases:path: $($line:literal => [$($case:ident,)+])+) => {
        $(#[$doc])*
        pub mod $port {
            pub use $cases::{$($($case),+),+};

            /// The port's contract.
            pub const LINES: &[&str] = &[$($line),+];
        }

        contract! { @tests ($) $(#[$doc])* $name, $port: $($line => [$($case,)+])+ }
    };
    // `$d` stands for the `$` of the macro that is made.
    (@tests ($d:tt) $(#[$doc:meta])* $name:ident, $port:ident: $($line:literal => [$($case:ident,)+])+) => {
        $(#[$doc])*
        ///
        /// Called with a harness, it makes each case a test in a module of this macro's name.
        #[macro_export]
        macro_rules! $name {
            ($d harness:ty) => {
                mod $name {
                    use super::*;

                    $($(
                        #[test]
                        fn $case() {
                            $crate::run($line, $crate::$port::$case::<$d harness>());
                        }
                    )+)+
                }
            };
        }
    };
}
pub(crate) use contract;
