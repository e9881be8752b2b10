//! What a wrong password takes for hashes that people brought along, beside what it takes where there is no account:
//! `cargo run --release -p portcullis-scrypt --example wrong_password`. On an idle machine; each figure is the least of some tries.

use std::{sync::Arc, time::Duration};

use portcullis_domain::{
    port::{PasswordHasher, Verdict},
    testing::SeededEntropy,
    value::{Password, PasswordHash},
};
use portcullis_scrypt::{Scrypt, Settings};

const TRIES: usize = 7;
const TAIL: &str = "$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";
const BCRYPT: &str = "R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";

async fn least(scrypt: &Scrypt, hash: Option<&PasswordHash>) -> Duration {
    let wrong = Password::new("Tr4vel-heavy");
    let mut least = Duration::MAX;
    for _ in 0..TRIES {
        let before = scrypt.durations().total;
        let verdict = scrypt.verify(&wrong, hash).await.expect("checks");
        assert_eq!(verdict, Verdict::Mismatch);
        least = least.min(scrypt.durations().total.saturating_sub(before));
    }
    least
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example's output")]
async fn main() {
    let scrypt = Scrypt::start(Settings::default(), Arc::new(SeededEntropy::new(1))).expect("threads start");
    let nobody = least(&scrypt, None).await;
    println!("{:<44} {:>8.1} ms", "no account", nobody.as_secs_f64() * 1000.0);
    for hash in [
        format!("$scrypt$ln=14,r=8,p=1{TAIL}"),
        format!("$argon2id$v=19$m=19456,t=2,p=1{TAIL}"),
        format!("$argon2id$v=19$m=65536,t=3,p=4{TAIL}"),
        format!("$2b$10${BCRYPT}"),
        format!("$2b$12${BCRYPT}"),
        format!("$2b$14${BCRYPT}"),
        format!("$scrypt$ln=17,r=8,p=1{TAIL}"),
    ] {
        let taken = least(&scrypt, Some(&PasswordHash::new(hash.as_str()))).await;
        let ratio = taken.as_secs_f64() / nobody.as_secs_f64();
        println!("{:<44} {:>8.1} ms  {ratio:.2}", &hash[..hash.len().min(30)], taken.as_secs_f64() * 1000.0);
    }
}
