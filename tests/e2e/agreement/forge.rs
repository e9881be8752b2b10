//! Makes tokens with the service's own keys, which it opens with the master key, as only an operator could.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use portcullis_domain::{
    caller::Role,
    key_ring::{KeyRing, Lifetimes, SealedSigningKey, SigningKey, read_key_ring},
    port::{AccessClaims, RefreshClaims, Tokens},
    seal::{MasterKey, Sealed},
};
use portcullis_jwt::{Algorithm, Jwt};
use portcullis_paseto::Paseto;
use portcullis_verify::Format;
use serde_json::json;
use uuid::Uuid;

use super::kind::{Dice, Kind, Made, Session, Verdict};
use crate::server::{Server, StoreSql};

const ISSUER: &str = "e2e";
const AUDIENCE: &str = "portcullis";
const LIFETIMES: Lifetimes =
    Lifetimes { access: Duration::from_secs(1800), refresh: Duration::from_secs(604_800) };

pub(super) struct Forge {
    format: Format,
    /// Oldest first: one that is over, two that are retired, the active and the next one.
    keys: Vec<SigningKey>,
    stranger: SigningKey,
}

impl Forge {
    pub(super) async fn open(server: &Server, master_key: &str, format: Format) -> Self {
        let rows = server.query(&StoreSql {
            sqlite: "SELECT epoch, hex(material) FROM signing_keys ORDER BY epoch",
            postgres: "SELECT epoch, encode(material, 'hex') FROM signing_keys ORDER BY epoch",
        });
        let rows = rows.await;
        let sealed = rows.lines().map(|row| {
            let (epoch, material) = row.split_once('|').expect("two columns");
            let material = HEXLOWER_PERMISSIVE.decode(material.as_bytes()).expect("hexadecimal");
            SealedSigningKey {
                epoch: epoch.parse().expect("a number"),
                material: Sealed::new(material),
                created_at: Self::now(),
            }
        });
        let sealed: Vec<_> = sealed.collect();
        let master_key = BASE64.decode(master_key.as_bytes()).expect("base64").try_into().expect("32 bytes");
        let ring = read_key_ring(&sealed, &MasterKey::new(master_key), LIFETIMES).expect("it opens");
        assert_eq!(ring.keys().len(), 5);
        Self { format, keys: ring.signing_keys(), stranger: SigningKey::new(1, [7; 64]) }
    }

    #[expect(clippy::disallowed_methods, reason = "the service goes by the real clock")]
    pub(super) fn now() -> DateTime<Utc> {
        Utc::now()
    }

    /// A token of some kind.
    pub(super) fn make(&self, dice: &mut Dice, sessions: &[Session]) -> Made {
        let kind = Kind::draw(dice);
        let lives = kind != Kind::SessionEnded;
        let candidates: Vec<_> = sessions.iter().filter(|session| session.lives == lives).collect();
        let session = candidates[dice.below(candidates.len())];
        let claims = claims(dice, session);
        let (token, verdict) = self.make_kind(kind, dice, session, &claims);
        let session = verdict.is_good().then(|| session.clone());
        Made { kind, token, verdict, session }
    }

    fn make_kind(
        &self,
        kind: Kind,
        dice: &mut Dice,
        session: &Session,
        claims: &AccessClaims,
    ) -> (String, Verdict) {
        let [over, retired, .., active, next] = &self.keys[..] else { unreachable!("five keys") };
        let good = || self.signed(active, ISSUER, AUDIENCE, claims);
        let at = |from: TimeDelta, until: TimeDelta| {
            let (issued_at, expires_at) = (Self::now() + from, Self::now() + until);
            self.signed(active, ISSUER, AUDIENCE, &AccessClaims { issued_at, expires_at, ..claims.clone() })
        };
        let token = match kind {
            Kind::Issued => return (session.tokens.access.clone(), Verdict::Good),
            Kind::SessionEnded => return (good(), Verdict::Good),
            Kind::Good => {
                let key = if dice.below(4) == 0 { next } else { active };
                return (self.signed(key, ISSUER, AUDIENCE, claims), Verdict::Good);
            }
            Kind::RetiredKey => return (self.signed(retired, ISSUER, AUDIENCE, claims), Verdict::Good),
            Kind::ClockAhead => return (at(TimeDelta::seconds(2), TimeDelta::minutes(30)), Verdict::Good),
            Kind::Expired => {
                let ago = TimeDelta::seconds(10 + i64::try_from(dice.below(3600)).expect("small"));
                return (at(-ago - TimeDelta::minutes(30), -ago), Verdict::Expired);
            }
            Kind::NotYetValid => at(TimeDelta::hours(1), TimeDelta::hours(2)),
            Kind::WrongAudience => self.signed(active, ISSUER, other_name(dice, AUDIENCE), claims),
            Kind::WrongIssuer => self.signed(active, other_name(dice, ISSUER), AUDIENCE, claims),
            Kind::UnknownKey => self.signed(&self.stranger, ISSUER, AUDIENCE, claims),
            Kind::WrongKey => self.under_our_name(&good(), claims),
            Kind::MadeUpKeyName => self.under_made_up_name(dice, &good()),
            Kind::RemovedKey => self.signed(over, ISSUER, AUDIENCE, claims),
            Kind::BitFlip => flipped(dice, &good()),
            Kind::Truncated => {
                let whole = good();
                whole[..=dice.below(whole.len() - 1)].to_owned()
            }
            Kind::Extended => format!("{}{}", good(), ["A", ".", "=", ".e30", "AAAA"][dice.below(5)]),
            Kind::AlgorithmNone => unsigned(dice, session, &self.kid(active), "none"),
            Kind::AlgorithmConfusion => {
                let algorithm = ["HS256", "RS256", "PS256", "ES384", "EdDSA", "ES256"][dice.below(6)];
                unsigned(dice, session, &self.kid(active), algorithm)
            }
            Kind::OtherFormat => {
                let other = if self.format == Format::Paseto { Format::JwtEdDsa } else { Format::Paseto };
                signer(other, active, ISSUER, AUDIENCE).issue_access(claims).expose().to_owned()
            }
            Kind::OtherAlgorithm => {
                let other = if self.format == Format::JwtEs256 { Format::JwtEdDsa } else { Format::JwtEs256 };
                signer(other, active, ISSUER, AUDIENCE).issue_access(claims).expose().to_owned()
            }
            Kind::RefreshToken => refresh(dice, session, active, claims),
            Kind::Nonsense => nonsense(dice),
        };
        (token, Verdict::Invalid)
    }

    fn signed(&self, key: &SigningKey, issuer: &str, audience: &str, claims: &AccessClaims) -> String {
        signer(self.format, key, issuer, audience).issue_access(claims).expose().to_owned()
    }

    /// The name that tokens have for a key.
    fn kid(&self, key: &SigningKey) -> String {
        let format = if self.format == Format::Paseto { Format::JwtEdDsa } else { self.format };
        let algorithm = if format == Format::JwtEs256 { Algorithm::Es256 } else { Algorithm::EdDsa };
        jwt(key, algorithm, ISSUER, AUDIENCE).public_keys()[0].kid.clone()
    }

    /// All of a token but the signature, which is a stranger's.
    fn under_our_name(&self, ours: &str, claims: &AccessClaims) -> String {
        let theirs = self.signed(&self.stranger, ISSUER, AUDIENCE, claims);
        let (ours, theirs) = (ours.split('.').collect::<Vec<_>>(), theirs.split('.').collect::<Vec<_>>());
        if self.format != Format::Paseto {
            return [ours[0], ours[1], theirs[2]].join(".");
        }
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64");
        let (mut body, other) = (decode(ours[2]), decode(theirs[2]));
        let signature = body.len() - 64;
        body.truncate(signature);
        body.extend_from_slice(&other[other.len() - 64..]);
        [ours[0], ours[1], &BASE64URL_NOPAD.encode(&body), ours[3]].join(".")
    }

    /// A good token but for the name of its key.
    fn under_made_up_name(&self, dice: &mut Dice, good: &str) -> String {
        let name = BASE64URL_NOPAD.encode(&dice.bytes(33));
        let mut parts: Vec<_> = good.split('.').map(str::to_owned).collect();
        if self.format == Format::Paseto {
            parts[3] =
                BASE64URL_NOPAD.encode(json!({"kid": format!("k4.pid.{name}")}).to_string().as_bytes());
        } else {
            let algorithm = if self.format == Format::JwtEs256 { "ES256" } else { "EdDSA" };
            let header = format!(r#"{{"typ":"at+jwt","alg":"{algorithm}","kid":"k4.pid.{name}"}}"#);
            parts[0] = BASE64URL_NOPAD.encode(header.as_bytes());
        }
        parts.join(".")
    }
}

fn alone(key: &SigningKey) -> KeyRing {
    KeyRing::new([(key.clone(), Forge::now())], LIFETIMES)
}

fn jwt(key: &SigningKey, algorithm: Algorithm, issuer: &str, audience: &str) -> Jwt {
    let paseto = Paseto::new(&alone(key), issuer, audience).expect("a good key");
    Jwt::new(&alone(key), algorithm, issuer, audience, Arc::new(paseto)).expect("a good key")
}

fn signer(format: Format, key: &SigningKey, issuer: &str, audience: &str) -> Box<dyn Tokens> {
    match format {
        Format::Paseto => Box::new(Paseto::new(&alone(key), issuer, audience).expect("a good key")),
        Format::JwtEdDsa => Box::new(jwt(key, Algorithm::EdDsa, issuer, audience)),
        Format::JwtEs256 => Box::new(jwt(key, Algorithm::Es256, issuer, audience)),
    }
}

fn claims(dice: &mut Dice, session: &Session) -> AccessClaims {
    let id = |name: &str| session.claims[name].as_str().and_then(|text| Uuid::parse_str(text).ok());
    let role = session.claims["role"].as_str().and_then(Role::from_name).expect("a role");
    let issued_at = Forge::now().trunc_subsecs(0) - TimeDelta::seconds(i64::from(dice.bytes(1)[0] % 60));
    AccessClaims {
        token: Uuid::from_bytes(dice.bytes(16).try_into().expect("16 bytes")).into(),
        user: id("sub").expect("an id").into(),
        session: id("sid").expect("an id").into(),
        company: id("cid").map(Into::into),
        role,
        permissions: role.permissions().to_vec(),
        issued_at,
        expires_at: issued_at + TimeDelta::minutes(30),
    }
}

fn other_name(dice: &mut Dice, name: &str) -> &'static str {
    let others = ["e2e", "portcullis", "orders", "E2E", "Portcullis", "https://id.example.com"];
    let others: Vec<_> = others.into_iter().filter(|other| *other != name).collect();
    others[dice.below(others.len())]
}

/// With one bit changed, somewhere where it can still be sent in a header.
fn flipped(dice: &mut Dice, good: &str) -> String {
    loop {
        let mut bytes = good.as_bytes().to_vec();
        let place = dice.below(bytes.len());
        bytes[place] ^= 1 << dice.below(7);
        if bytes[place].is_ascii_graphic() {
            return String::from_utf8(bytes).expect("ASCII");
        }
    }
}

/// What a verifier would take that believed the header.
fn unsigned(dice: &mut Dice, session: &Session, kid: &str, algorithm: &str) -> String {
    let typ = ["at+jwt", "JWT"][dice.below(2)];
    let header = json!({"typ": typ, "alg": algorithm, "kid": kid}).to_string();
    let mut claims = session.claims.clone();
    let now = Forge::now().timestamp();
    (claims["iat"], claims["nbf"], claims["exp"]) = (now.into(), now.into(), (now + 600).into());
    let signature = match (algorithm, dice.below(2)) {
        ("none", 0) => Vec::new(),
        (_, 0) => dice.bytes(32),
        _ => dice.bytes(64),
    };
    let part = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    format!("{}.{}.{}", part(header.as_bytes()), part(claims.to_string().as_bytes()), part(&signature))
}

fn refresh(dice: &mut Dice, session: &Session, key: &SigningKey, claims: &AccessClaims) -> String {
    if dice.below(2) == 0 {
        return session.tokens.refresh.clone();
    }
    let claims = RefreshClaims {
        session: claims.session,
        generation: 1,
        issued_at: claims.issued_at,
        expires_at: claims.expires_at,
    };
    signer(Format::Paseto, key, ISSUER, AUDIENCE).issue_refresh(&claims).expose().to_owned()
}

fn nonsense(dice: &mut Dice) -> String {
    let length = 1 + dice.below(300);
    let text = dice.bytes(length).into_iter().map(|byte| char::from(b'!' + byte % 94)).collect::<String>();
    let prefix = ["", "v4.public.", "v4.local.", "eyJ", "."][dice.below(5)];
    format!("{prefix}{text}")
}
