//! Static tokens: kept as argon2id hashes, checked beside the requests, remembered for a short while.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use aws_lc_rs::hmac;
use serde::Deserialize;
use tokio::sync::Semaphore;
use xxhash_rust::xxh3::xxh3_128;

use super::AccessError;
use super::caller::{Caller, Grounds, How};
use super::role::Role;
use crate::platform::monotonic_now;
use crate::quantity::Timestamp;
use crate::service::limits::{Clients, Limits};

/// A checked token, good or not, is not hashed again for so long.
const REMEMBERED_S: f64 = 60.0;
/// Checked tokens that are remembered.
const REMEMBERED: usize = 4096;
/// Hashes that are computed at a time: each takes a core for some 20 ms and 19 MiB.
const AT_A_TIME: usize = 2;
/// Tokens that wait for that; more are sent away.
const WAITING: usize = 16;
/// Tokens that are nobody's which one address may try: at once, and a second in the long run. Others have the server's cores,
/// too.
const GUESSES: (f64, f64) = (10.0, 0.5);
/// Characters of a token.
const LENGTH: std::ops::RangeInclusive<usize> = 16..=512;
/// Memory that a hash may ask for, KiB.
const MOST_MEMORY_KIB: u32 = 256 << 10;

/// `[[token]]`: whom a token lets in. The token itself is in no file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenDocument {
    /// Who it is, for the audit log.
    pub name: String,
    /// What they may.
    pub role: Role,
    /// The hash that `veduta serve --hash-token` prints; or
    pub hash: Option<TokenHash>,
    /// a file that holds it.
    pub hash_file: Option<String>,
}

/// An argon2id hash as a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`. A token in its place is refused where it is
/// written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TokenHash(String);

impl TryFrom<String> for TokenHash {
    type Error = String;

    fn try_from(hash: String) -> Result<Self, String> {
        check_hash(&hash)?;
        Ok(Self(hash))
    }
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody's.
    Known(Caller),
    /// Nobody's.
    Unknown,
    /// Not known now: too many are being checked.
    Busy,
}

struct Known {
    caller: Caller,
    hash: String,
}

/// The tokens of this server.
pub struct Tokens {
    known: Arc<[Known]>,
    remembered: Remembered<Option<usize>>,
    queue: Semaphore,
    cores: Semaphore,
    guesses: Clients,
}

impl Tokens {
    /// Tokens by their hashes, which the host has read where they are in files. Fails where one is missing or a name is.
    pub fn new(documents: &[TokenDocument]) -> Result<Self, AccessError> {
        let mut known: Vec<Known> = Vec::with_capacity(documents.len());
        for document in documents {
            let wrong = |cause: &str| AccessError::Token { cause: cause.to_owned(), name: document.name.clone() };
            let hash = document.hash.as_ref().ok_or_else(|| wrong("'hash' or 'hash_file' is missing"))?;
            if document.name.trim().is_empty() || known.iter().any(|other| *other.caller.name == document.name) {
                return Err(wrong("every token has a name of its own"));
            }
            let (name, grounds) = (document.name.as_str().into(), Grounds::Token(xxh3_128(hash.0.as_bytes())));
            let caller = Caller { name, role: document.role, how: How::Token, grounds, until: None };
            known.push(Known { caller, hash: hash.0.clone() });
        }
        Ok(Self {
            known: known.into(),
            remembered: Remembered::new(REMEMBERED)?,
            queue: Semaphore::new(WAITING),
            cores: Semaphore::new(AT_A_TIME),
            guesses: Clients::default(),
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The role of whoever is known by this; `None` where nobody is any more.
    pub fn role_by(&self, grounds: Grounds, name: &str) -> Option<Role> {
        let known = self.known.iter().find(|known| known.caller.grounds == grounds && *known.caller.name == *name);
        known.map(|known| known.caller.role)
    }

    /// Whose a token is that comes from an address. Computes hashes on the threads that may block, never on those that answer.
    pub async fn verify(&self, token: &str, from: Option<IpAddr>, now: Timestamp) -> Verdict {
        if self.known.is_empty() || !LENGTH.contains(&token.len()) {
            return Verdict::Unknown;
        }
        if let Some(index) = self.remembered.get(token, now) {
            return self.verdict(index);
        }
        let Ok(_place) = self.queue.try_acquire() else { return Verdict::Busy };
        let Ok(_core) = self.cores.acquire().await else { return Verdict::Busy };
        // Somebody else may have asked for the same while this one waited.
        if let Some(index) = self.remembered.get(token, now) {
            return self.verdict(index);
        }
        let limits = Limits { request_burst: GUESSES.0, requests_per_s: GUESSES.1, ..Limits::default() };
        if from.is_some_and(|from| self.guesses.take(from, &limits, monotonic_now()).is_err()) {
            return Verdict::Busy;
        }
        let (known, asked) = (Arc::clone(&self.known), token.to_owned());
        let check = move || known.iter().position(|known| matches(&asked, &known.hash));
        let Ok(index) = tokio::task::spawn_blocking(check).await else { return Verdict::Busy };
        self.remembered.put(token, index, now.plus_seconds(REMEMBERED_S), now);
        if let Some(from) = from.filter(|_| index.is_some()) {
            self.guesses.give_back(from);
        }
        self.verdict(index)
    }

    fn verdict(&self, index: Option<usize>) -> Verdict {
        let known = index.and_then(|index| self.known.get(index));
        known.map_or(Verdict::Unknown, |known| Verdict::Known(known.caller.clone()))
    }
}

fn matches(token: &str, hash: &str) -> bool {
    Argon2::default().verify_password(token.as_bytes(), hash).is_ok()
}

/// The argon2id hash of a token as a PHC string, with a salt of its own. Fails where the token is too short to be safe or
/// has characters that a header cannot carry.
pub fn hash_token(token: &str) -> Result<String, String> {
    if !LENGTH.contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("a token has {} to {} letters, digits and signs", LENGTH.start(), LENGTH.end()));
    }
    let hash = Argon2::default().hash_password(token.as_bytes()).map_err(|error| error.to_string())?;
    Ok(hash.to_string())
}

/// Whether it is argon2id in the PHC string format, and one that this server can afford.
fn check_hash(hash: &str) -> Result<(), String> {
    let mut fields = hash.split('$').skip(1);
    let (kind, parameters) = (fields.next(), fields.nth(1));
    if kind != Some("argon2id") || hash.split('$').count() != 6 {
        return Err(
            "not an argon2id hash: no token is written here, 'veduta serve --hash-token' prints its hash".to_owned()
        );
    }
    let memory = parameters.and_then(|all| all.split(',').find_map(|one| one.strip_prefix("m=")));
    let memory: Option<u32> = memory.and_then(|memory| memory.parse().ok());
    if memory.is_none_or(|memory| memory > MOST_MEMORY_KIB) {
        return Err(format!("this hash takes more than {} MiB to check", MOST_MEMORY_KIB >> 10));
    }
    Ok(())
}

/// Values under secrets, for a while. Secrets are kept as a keyed hash (HMAC-SHA-256, RFC 2104) whose key dies with the
/// server: how long a look-up takes tells nothing about them, nor does the memory.
pub struct Remembered<T> {
    key: hmac::Key,
    most: usize,
    values: Mutex<BTreeMap<[u8; 32], (T, Timestamp)>>,
}

impl<T: Clone> Remembered<T> {
    /// Keeps at most so many.
    pub fn new(most: usize) -> Result<Self, AccessError> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &aws_lc_rs::rand::SystemRandom::new());
        Ok(Self { key: key.map_err(|_| AccessError::Random)?, most, values: Mutex::default() })
    }

    fn name(&self, secret: &str) -> [u8; 32] {
        let mut name = [0; 32];
        name.copy_from_slice(hmac::sign(&self.key, secret.as_bytes()).as_ref());
        name
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], (T, Timestamp)>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept under a secret and has not run out.
    pub fn get(&self, secret: &str, now: Timestamp) -> Option<T> {
        self.values().get(&self.name(secret)).filter(|(_, until)| *until > now).map(|(value, _)| value.clone())
    }

    /// Keeps a value until then; `false` where no place is left. What ran out makes place, and for values that can be
    /// computed again the one that runs out first.
    pub fn put(&self, secret: &str, value: T, until: Timestamp, now: Timestamp) -> bool {
        self.room(now, true);
        self.values().insert(self.name(secret), (value, until));
        true
    }

    /// As [`Self::put`], but drops nothing that has not run out.
    pub fn put_if_room(&self, secret: &str, value: T, until: Timestamp, now: Timestamp) -> bool {
        if !self.room(now, false) {
            return false;
        }
        self.values().insert(self.name(secret), (value, until));
        true
    }

    fn room(&self, now: Timestamp, drop_first: bool) -> bool {
        let mut values = self.values();
        if values.len() < self.most {
            return true;
        }
        values.retain(|_, (_, until)| *until > now);
        if values.len() >= self.most && drop_first {
            let first = values.iter().min_by_key(|(_, (_, until))| *until).map(|(name, _)| *name);
            first.and_then(|name| values.remove(&name));
        }
        values.len() < self.most
    }

    /// How many values that have not run out are like this.
    pub fn count(&self, now: Timestamp, like: impl Fn(&T) -> bool) -> usize {
        self.values().values().filter(|(value, until)| *until > now && like(value)).count()
    }

    /// Takes what is kept under a secret, so that nobody else gets it.
    pub fn take(&self, secret: &str, now: Timestamp) -> Option<T> {
        self.values().remove(&self.name(secret)).filter(|(_, until)| *until > now).map(|(value, _)| value)
    }
}

/// 32 random bytes in hexadecimal: the name of a session, a ticket.
pub fn random_name() -> Result<String, AccessError> {
    let mut bytes = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| AccessError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str, hash: &str) -> TokenDocument {
        let hash = Some(TokenHash::try_from(hash.to_owned()).unwrap());
        TokenDocument { name: name.into(), role: Role::Operator, hash, hash_file: None }
    }

    #[tokio::test]
    async fn knows_its_tokens_and_remembers_them_for_a_minute() {
        let hash = hash_token("correct-horse-battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$") && hash != hash_token("correct-horse-battery").unwrap());
        let tokens = Tokens::new(&[document("anna", &hash)]).unwrap();
        let at = |second: f64| Timestamp::from_seconds(second);
        let Verdict::Known(caller) = tokens.verify("correct-horse-battery", None, at(0.0)).await else { panic!() };
        assert_eq!((&*caller.name, caller.role, caller.how), ("anna", Role::Operator, How::Token));
        assert_eq!(tokens.verify("correct-horse-batterz", None, at(0.0)).await, Verdict::Unknown);
        assert_eq!(tokens.remembered.get("correct-horse-battery", at(59.0)), Some(Some(0)));
        assert_eq!(
            tokens.remembered.get("correct-horse-batterz", at(59.0)),
            Some(None),
            "a bad one costs one hash, too"
        );
        assert_eq!(tokens.remembered.get("correct-horse-battery", at(61.0)), None);
        assert_eq!(tokens.verify("short", None, at(0.0)).await, Verdict::Unknown);
    }

    #[tokio::test]
    async fn sends_away_whom_it_cannot_check_in_time() {
        let hash = hash_token("correct-horse-battery").unwrap();
        let tokens = Tokens::new(&[document("anna", &hash)]).unwrap();
        let names: Vec<String> = (0..60).map(|number| format!("guess-number-{number:08}")).collect();
        let all = names.iter().map(|name| tokens.verify(name, None, Timestamp(0)));
        let verdicts = futures_util::future::join_all(all).await;
        assert!(verdicts.iter().filter(|verdict| **verdict == Verdict::Busy).count() >= 60 - WAITING);
        assert!(verdicts.contains(&Verdict::Unknown) && !verdicts.iter().any(|v| matches!(v, Verdict::Known(_))));
    }

    #[tokio::test]
    async fn one_address_cannot_guess_for_ever_and_keeps_nobody_else_out() {
        let tokens = Tokens::new(&[document("anna", &hash_token("correct-horse-battery").unwrap())]).unwrap();
        let [guesser, other] = [1, 2].map(|last| Some(IpAddr::from([192, 0, 2, last])));
        let mut refused = 0;
        for number in 0..20 {
            let guess = format!("guess-number-{number:08}");
            refused += u32::from(tokens.verify(&guess, guesser, Timestamp(0)).await == Verdict::Busy);
        }
        assert!((5..=10).contains(&refused), "{refused}");
        assert_eq!(tokens.verify("correct-horse-battery", guesser, Timestamp(0)).await, Verdict::Busy);
        for second in (0..2000).step_by(100) {
            let now = Timestamp::from_seconds(f64::from(second));
            assert!(matches!(tokens.verify("correct-horse-battery", other, now).await, Verdict::Known(_)), "{second}");
        }
    }

    #[test]
    fn refuses_hashes_that_are_weak_or_dear_and_tokens_that_are_short() {
        let good = hash_token("correct-horse-battery").unwrap();
        let dear = good.replace("m=19456", "m=99999999");
        for wrong in ["", "secret", "$argon2i$v=19$m=1,t=1,p=1$a$b", "$2b$10$abcdefghijklmnopqrstuv", &dear] {
            assert!(TokenHash::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        assert!(Tokens::new(&[document("a", &good), document("a", &good)]).is_err(), "two of a name");
        assert!(hash_token("short").is_err() && hash_token("with a space in it ..").is_err());
    }

    #[test]
    fn keeps_secrets_until_they_run_out_and_no_more_than_it_may() {
        let kept = Remembered::new(2).unwrap();
        let at = |second: f64| Timestamp::from_seconds(second);
        assert!(kept.put_if_room("a", 1, at(10.0), at(0.0)) && kept.put_if_room("b", 2, at(20.0), at(0.0)));
        assert!(!kept.put_if_room("c", 3, at(30.0), at(5.0)));
        assert!(kept.put_if_room("c", 3, at(30.0), at(15.0)), "the first has run out");
        assert_eq!((kept.get("a", at(15.0)), kept.get("b", at(15.0))), (None, Some(2)));
        assert_eq!((kept.take("b", at(15.0)), kept.take("b", at(15.0))), (Some(2), None));
        assert_ne!(random_name().unwrap(), random_name().unwrap());
    }
}
