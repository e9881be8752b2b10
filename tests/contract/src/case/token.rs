use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use portcullis_domain::{
    caller::{Permission, Role},
    port::{AccessClaims, RefreshClaims, TokenError, Tokens},
    value::Secret,
};

use crate::{TokensHarness, sample};

const LIFETIME: TimeDelta = TimeDelta::minutes(30);

/// A whole second, which is what tokens keep.
fn issued_at() -> DateTime<Utc> {
    sample::now().trunc_subsecs(0)
}

fn access_claims() -> AccessClaims {
    AccessClaims {
        token: sample::id(),
        user: sample::id(),
        session: sample::id(),
        company: Some(sample::id()),
        role: Role::Moderator,
        permissions: Role::Moderator.permissions().to_vec(),
        issued_at: issued_at(),
        expires_at: issued_at() + LIFETIME,
    }
}

fn refresh_claims() -> RefreshClaims {
    RefreshClaims {
        session: sample::id(),
        generation: 3,
        issued_at: issued_at(),
        expires_at: issued_at() + LIFETIME,
    }
}

/// One token of each kind.
fn issue_both(tokens: &dyn Tokens) -> [Secret; 2] {
    [tokens.issue_access(&access_claims()), tokens.issue_refresh(&refresh_claims())]
}

/// Neither an access token nor a refresh token.
fn check_invalid(tokens: &dyn Tokens, text: &str, what: &str) {
    let token = Secret::new(text);
    let access = tokens.verify_access(&token, issued_at());
    assert_eq!(access, Err(TokenError::Invalid), "as an access token: {what}");
    let refresh = tokens.verify_refresh(&token, issued_at());
    assert_eq!(refresh, Err(TokenError::Invalid), "as a refresh token: {what}");
}

/// Every role, any permissions, none, with a company and without.
pub async fn an_access_token_verifies_to_its_claims<H: TokensHarness>() {
    let harness = H::start().await;
    let tokens = harness.tokens();
    let permissions: [&[Permission]; 3] = [&[], &[Permission::TokenIntrospect], Permission::ALL];
    for role in Role::ALL {
        for (permissions, company) in permissions.into_iter().zip([None, Some(sample::id()), None]) {
            let permissions = permissions.to_vec();
            let claims = AccessClaims { role: *role, permissions, company, ..access_claims() };
            let token = tokens.issue_access(&claims);
            assert_eq!(tokens.verify_access(&token, issued_at()), Ok(claims));
        }
    }
}

/// Generations of any size.
pub async fn a_refresh_token_verifies_to_its_claims<H: TokensHarness>() {
    let harness = H::start().await;
    let tokens = harness.tokens();
    // Beyond 2^53 a number that went through floating point is another one.
    for generation in [1, 2, u64::from(u32::MAX), (1 << 53) + 1, (1 << 63) - 1] {
        let claims = RefreshClaims { generation, ..refresh_claims() };
        let token = tokens.issue_refresh(&claims);
        assert_eq!(tokens.verify_refresh(&token, issued_at()), Ok(claims));
    }
}

/// And verifies the moment it was issued, within the second.
pub async fn a_token_issued_within_a_second_verifies_at_once<H: TokensHarness>() {
    let harness = H::start().await;
    let tokens = harness.tokens();
    let (issued_at, expires_at) = (sample::now(), sample::now() + LIFETIME);
    let access = AccessClaims { issued_at, expires_at, ..access_claims() };
    let found = tokens.verify_access(&tokens.issue_access(&access), issued_at).expect("verifies at once");
    assert_eq!(found.issued_at.trunc_subsecs(0), issued_at.trunc_subsecs(0));
    assert_eq!(found.expires_at.trunc_subsecs(0), expires_at.trunc_subsecs(0));
    let refresh = RefreshClaims { issued_at, expires_at, ..refresh_claims() };
    let found = tokens.verify_refresh(&tokens.issue_refresh(&refresh), issued_at).expect("verifies at once");
    assert_eq!(found.issued_at.trunc_subsecs(0), issued_at.trunc_subsecs(0));
    assert_eq!(found.expires_at.trunc_subsecs(0), expires_at.trunc_subsecs(0));
}

/// Not a second longer, by the time it is told and not by a clock of its own.
pub async fn a_token_is_good_from_its_issue_to_its_end<H: TokensHarness>() {
    let harness = H::start().await;
    let tokens = harness.tokens();
    let [access, refresh] = issue_both(tokens.as_ref());
    let second = TimeDelta::seconds(1);
    let cases = [
        (issued_at() - TimeDelta::days(365), Some(TokenError::Invalid)),
        (issued_at() - second, Some(TokenError::Invalid)),
        (issued_at(), None),
        (issued_at() + LIFETIME - second, None),
        (issued_at() + LIFETIME, Some(TokenError::Expired)),
        (issued_at() + LIFETIME + second, Some(TokenError::Expired)),
        (issued_at() + TimeDelta::days(36_500), Some(TokenError::Expired)),
    ];
    for (now, expected) in cases {
        assert_eq!(tokens.verify_access(&access, now).err(), expected, "an access token at {now}");
        assert_eq!(tokens.verify_refresh(&refresh, now).err(), expected, "a refresh token at {now}");
    }
}

/// No two tokens are alike.
pub async fn each_token_verifies_to_its_own_claims<H: TokensHarness>() {
    let harness = H::start().await;
    let tokens = harness.tokens();
    let (one, other) = (access_claims(), access_claims());
    let (first, second) = (tokens.issue_access(&one), tokens.issue_access(&other));
    assert_ne!(first, second);
    assert_eq!(tokens.verify_access(&second, issued_at()), Ok(other));
    assert_eq!(tokens.verify_access(&first, issued_at()), Ok(one));
}

/// In every character, the lowest bit and two that change the letter's kind.
pub async fn a_token_with_any_bit_changed_is_invalid<H: TokensHarness>() {
    let harness = H::start().await;
    let tokens = harness.tokens();
    for token in issue_both(tokens.as_ref()) {
        let text = token.expose();
        assert!(text.is_ascii(), "a token travels in a header");
        for place in 0..text.len() {
            for bit in 0..7 {
                let mut bytes = text.as_bytes().to_vec();
                bytes[place] ^= 1 << bit;
                let forged = String::from_utf8(bytes).expect("seven bits are a character");
                check_invalid(
                    tokens.as_ref(),
                    &forged,
                    &format!("bit {bit} of character {place} is flipped"),
                );
            }
        }
    }
}

/// From either end, down to nothing.
pub async fn a_token_that_is_cut_is_invalid<H: TokensHarness>() {
    let harness = H::start().await;
    let tokens = harness.tokens();
    for token in issue_both(tokens.as_ref()) {
        let text = token.expose();
        for length in 0..text.len() {
            check_invalid(tokens.as_ref(), &text[..length], &format!("cut to its first {length}"));
            check_invalid(
                tokens.as_ref(),
                &text[text.len() - length..],
                &format!("cut to its last {length}"),
            );
        }
    }
}

/// By what decoders like to overlook.
pub async fn a_token_that_is_extended_is_invalid<H: TokensHarness>() {
    let harness = H::start().await;
    let tokens = harness.tokens();
    for token in issue_both(tokens.as_ref()) {
        let text = token.expose();
        for more in ["A", "AAAA", "=", "==", ".", ".e30", " ", "\n", "\r\n", "\0", "\u{feff}", text] {
            check_invalid(tokens.as_ref(), &format!("{text}{more}"), &format!("{more:?} after it"));
            check_invalid(tokens.as_ref(), &format!("{more}{text}"), &format!("{more:?} before it"));
        }
    }
}

/// In neither direction.
pub async fn anothers_token_is_invalid<H: TokensHarness>() {
    let harness = H::start().await;
    let tokens = harness.tokens();
    let strangers = harness.strangers();
    assert!(!strangers.is_empty(), "the harness gives no stranger");
    for (difference, stranger) in strangers {
        let [access, refresh] = issue_both(stranger.as_ref());
        check_invalid(tokens.as_ref(), access.expose(), difference);
        check_invalid(tokens.as_ref(), refresh.expose(), difference);
        assert!(
            stranger.verify_access(&access, issued_at()).is_ok(),
            "a stranger that believes nobody proves nothing"
        );
        let [access, refresh] = issue_both(tokens.as_ref());
        check_invalid(stranger.as_ref(), access.expose(), difference);
        check_invalid(stranger.as_ref(), refresh.expose(), difference);
    }
}

/// A forged token that is old is still a forged one: `Expired` would say that it was authentic.
pub async fn a_forged_token_past_its_time_is_invalid_not_expired<H: TokensHarness>() {
    let harness = H::start().await;
    let tokens = harness.tokens();
    let late = issued_at() + LIFETIME + TimeDelta::days(1);
    for (difference, stranger) in harness.strangers() {
        let [access, refresh] = issue_both(stranger.as_ref());
        assert_eq!(tokens.verify_access(&access, late), Err(TokenError::Invalid), "{difference}");
        assert_eq!(tokens.verify_refresh(&refresh, late), Err(TokenError::Invalid), "{difference}");
    }
}

/// Whoever holds one cannot pass it for the other.
pub async fn access_tokens_and_refresh_tokens_are_apart<H: TokensHarness>() {
    let harness = H::start().await;
    let tokens = harness.tokens();
    let [access, refresh] = issue_both(tokens.as_ref());
    assert_eq!(tokens.verify_access(&refresh, issued_at()), Err(TokenError::Invalid));
    assert_eq!(tokens.verify_refresh(&access, issued_at()), Err(TokenError::Invalid));
    assert!(tokens.verify_access(&access, issued_at()).is_ok());
    assert!(tokens.verify_refresh(&refresh, issued_at()).is_ok());
}

/// And takes nobody down.
pub async fn text_that_is_no_token_is_invalid<H: TokensHarness>() {
    let harness = H::start().await;
    let tokens = harness.tokens();
    let texts = [
        "",
        " ",
        "\0",
        ".",
        "....",
        "null",
        "Bearer",
        "토큰 😀 \u{202e}",
        "{\"sub\":\"admin\"}",
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhZG1pbiJ9.",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "v4.public.",
        "v4.local.",
        "v4.public.e30",
        "v4.local.AAAA.AAAA",
        "v4.public.!!!!.####",
        "v1.public.AAAA",
        "v2.local.AAAA",
        "v3.public.AAAA",
        "v99.none.AAAA",
        "'; DROP TABLE tokens; --",
    ];
    for text in texts {
        check_invalid(tokens.as_ref(), text, &format!("{text:?}"));
    }
    for letter in ["A", ".", "\0", "é", "v4.public."] {
        check_invalid(
            tokens.as_ref(),
            &letter.repeat(1024 * 1024 / letter.len()),
            &format!("1 MiB of {letter:?}"),
        );
    }
    for prefix in ["v4.public.", "v4.local."] {
        let long = format!("{prefix}{}", "A".repeat(1024 * 1024));
        check_invalid(tokens.as_ref(), &long, &format!("{prefix} and 1 MiB"));
    }
}
