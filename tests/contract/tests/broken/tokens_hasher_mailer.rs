//! Faults of the adapters that are no stores, and the cases that catch them.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use portcullis_contract::{Delivered, MailerHarness, PasswordHasherHarness, TokensHarness};
use portcullis_domain::{
    port::{
        AccessClaims, HashError, Mail, MailError, Mailer, PasswordHasher, RefreshClaims, TokenError, Tokens,
        UnreadableHash, Verdict,
    },
    value::{Password, PasswordHash, Secret},
};
use portcullis_memory::{FastPasswordHasher, OpaqueTokens, Outbox};

/// What a fault makes of a token's text and time before they are checked.
trait TokenFault: Send + Sync + 'static {
    fn text(text: &str) -> &str {
        text
    }

    fn now(now: DateTime<Utc>) -> DateTime<Utc> {
        now
    }
}

struct SoundTokens;
impl TokenFault for SoundTokens {}

/// Reads what a lenient decoder reads.
struct Trimmed;
impl TokenFault for Trimmed {
    fn text(text: &str) -> &str {
        text.trim().trim_end_matches('=')
    }
}

/// Lets clocks differ by a minute.
struct Lenient;
impl TokenFault for Lenient {
    fn now(now: DateTime<Utc>) -> DateTime<Utc> {
        now - chrono::TimeDelta::minutes(1)
    }
}

struct FaultyTokens<F>(OpaqueTokens, std::marker::PhantomData<F>);

impl<F: TokenFault> Tokens for FaultyTokens<F> {
    fn issue_access(&self, claims: &AccessClaims) -> Secret {
        self.0.issue_access(claims)
    }

    fn verify_access(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        self.0.verify_access(&Secret::new(F::text(token.expose())), F::now(now))
    }

    fn issue_refresh(&self, claims: &RefreshClaims) -> Secret {
        self.0.issue_refresh(claims)
    }

    fn verify_refresh(&self, token: &Secret, now: DateTime<Utc>) -> Result<RefreshClaims, TokenError> {
        self.0.verify_refresh(&Secret::new(F::text(token.expose())), F::now(now))
    }
}

struct TokensWith<F>(Arc<FaultyTokens<F>>);

#[async_trait]
impl<F: TokenFault> TokensHarness for TokensWith<F> {
    async fn start() -> Self {
        Self(Arc::new(FaultyTokens(OpaqueTokens::new(), std::marker::PhantomData)))
    }

    fn tokens(&self) -> Arc<dyn Tokens> {
        self.0.clone()
    }

    fn strangers(&self) -> Vec<(&'static str, Arc<dyn Tokens>)> {
        vec![("issued elsewhere", Arc::new(OpaqueTokens::new()))]
    }
}

/// Enough work to be told from none, and from more than the queue holds.
const ROUNDS: u32 = 500;

/// Nobody's password is not checked at all, and a hash is known by its first character.
struct HurriedHasher(FastPasswordHasher);

#[async_trait]
impl PasswordHasher for HurriedHasher {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.0.hash(password).await
    }

    async fn verify<'a>(
        &'a self,
        password: &'a Password,
        hash: Option<&'a PasswordHash>,
    ) -> Result<Verdict, HashError> {
        match hash {
            Some(hash) => self.0.verify(password, Some(hash)).await,
            None => Ok(Verdict::Mismatch),
        }
    }

    fn reads(&self, hash: &PasswordHash) -> Result<(), UnreadableHash> {
        if hash.expose().starts_with('$') { Ok(()) } else { Err(UnreadableHash::Unsupported) }
    }
}

struct SoundHasher;

#[async_trait]
impl PasswordHasherHarness for SoundHasher {
    async fn start() -> Self {
        Self
    }

    fn hasher(&self) -> Arc<dyn PasswordHasher> {
        Arc::new(FastPasswordHasher::bounded(ROUNDS, 200))
    }

    fn other_parameters(&self) -> Arc<dyn PasswordHasher> {
        Arc::new(FastPasswordHasher::new())
    }

    fn short_queue(&self) -> Arc<dyn PasswordHasher> {
        Arc::new(FastPasswordHasher::bounded(ROUNDS, 2))
    }
}

/// Hurried, takes everybody in, and cannot tell old parameters.
struct BrokenHasher;

#[async_trait]
impl PasswordHasherHarness for BrokenHasher {
    async fn start() -> Self {
        Self
    }

    fn hasher(&self) -> Arc<dyn PasswordHasher> {
        Arc::new(HurriedHasher(FastPasswordHasher::bounded(ROUNDS, 200)))
    }

    fn other_parameters(&self) -> Arc<dyn PasswordHasher> {
        self.hasher()
    }

    fn short_queue(&self) -> Arc<dyn PasswordHasher> {
        Arc::new(FastPasswordHasher::bounded(ROUNDS, 1_000))
    }
}

/// A mail as a careless transport writes and reads it: headers, an empty line, lines up to one that is a dot.
fn careless(mail: &Mail) -> Delivered {
    let to = mail.to.as_str();
    let raw = format!("To: {to}\nSubject: {}\n\n{}\n.\n", mail.subject, mail.text);
    let (head, body) = raw.split_once("\n\n").expect("an empty line is written above");
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let subject = headers.clone().find(|(name, _)| *name == "Subject").map_or("", |(_, text)| text);
    let text: Vec<_> = body.lines().take_while(|line| *line != ".").collect();
    Delivered {
        to: vec![to.to_owned()],
        subject: subject.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect(),
        text: text.join("\n"),
        // One part is all that it knows: HTML takes the text's place, or the text is shown as HTML.
        html: mail
            .html
            .clone()
            .or_else(|| Some(mail.text.clone()))
            .map(|html| html.replace(|c: char| !c.is_ascii(), "?")),
        headers: headers.map(|(name, _)| name.to_owned()).collect(),
    }
}

fn careful(mail: &Mail) -> Delivered {
    Delivered {
        to: vec![mail.to.as_str().to_owned()],
        subject: mail.subject.clone(),
        text: mail.text.clone(),
        html: mail.html.clone(),
        headers: vec!["To".to_owned(), "Subject".to_owned()],
    }
}

/// A mailer, and whether it is careful.
struct Mailbox<const CAREFUL: bool>(Arc<Outbox>);

#[async_trait]
impl<const CAREFUL: bool> MailerHarness for Mailbox<CAREFUL> {
    async fn start() -> Self {
        Self(Arc::new(Outbox::new()))
    }

    fn mailer(&self) -> Arc<dyn Mailer> {
        self.0.clone()
    }

    async fn delivered(&self) -> Vec<Delivered> {
        self.0.mails().iter().map(if CAREFUL { careful } else { careless }).collect()
    }
}

/// A file named by the second: of mails that come together one stays.
struct OverwritingMailer(Arc<Outbox>);

#[async_trait]
impl Mailer for OverwritingMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        if self.0.mails().is_empty() {
            return self.0.send(mail).await;
        }
        Ok(())
    }
}

struct OverwrittenMailbox(Arc<Outbox>);

#[async_trait]
impl MailerHarness for OverwrittenMailbox {
    async fn start() -> Self {
        Self(Arc::new(Outbox::new()))
    }

    fn mailer(&self) -> Arc<dyn Mailer> {
        Arc::new(OverwritingMailer(self.0.clone()))
    }

    async fn delivered(&self) -> Vec<Delivered> {
        self.0.mails().iter().map(careful).collect()
    }
}

crate::caught! {
    a_lenient_decoder_of_tokens_is_caught: TokensWith<Trimmed>, TokensWith<SoundTokens> => [
        tokens::a_token_that_is_extended_is_invalid,
    ]
    a_lenient_clock_is_caught: TokensWith<Lenient>, TokensWith<SoundTokens> => [
        tokens::a_token_is_good_from_its_issue_to_its_end,
    ]
    a_hasher_that_hurries_where_nobody_is_is_caught: BrokenHasher, SoundHasher => [
        password_hasher::a_check_against_no_hash_takes_as_long_as_one_against_a_hash,
    ]
    a_hasher_without_a_bound_is_caught: BrokenHasher, SoundHasher => [
        password_hasher::more_than_the_queue_holds_is_told_busy,
    ]
    a_hasher_that_does_not_tell_old_parameters_is_caught: BrokenHasher, SoundHasher => [
        password_hasher::a_hash_made_with_other_parameters_verifies_and_is_outdated,
    ]
    a_hasher_that_takes_over_what_it_cannot_check_is_caught: BrokenHasher, SoundHasher => [
        password_hasher::a_hash_that_does_not_read_is_said_not_to,
    ]
    a_careless_transport_is_caught: Mailbox<false>, Mailbox<true> => [
        mailer::subject_and_text_arrive_in_any_script,
        mailer::html_arrives_beside_the_text_in_any_script,
        mailer::a_text_without_html_is_not_made_html,
        mailer::lines_that_mean_something_to_transports_arrive,
        mailer::line_ends_in_a_subject_make_no_headers,
    ]
    a_mailer_that_loses_mails_is_caught: OverwrittenMailbox, Mailbox<true> => [
        mailer::every_mail_that_was_taken_over_arrives_once,
        mailer::mails_sent_together_are_not_mixed_up,
    ]
}
