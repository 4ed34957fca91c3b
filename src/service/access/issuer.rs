//! Bearer tokens of an OpenID Connect issuer: JSON Web Tokens (RFC 7519) checked with the issuer's published keys.
//!
//! The keys come by discovery (OpenID Connect Discovery 1.0, section 4): `ISSUER/.well-known/openid-configuration` names the
//! key set (RFC 7517). They are kept for an hour; a token with a key that is not among them asks for them anew, but not
//! more often than twice a minute, so that made-up tokens do not press on the issuer. While the issuer is down, known keys
//! go on for a day.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value as Json;
use xxhash_rust::xxh3::xxh3_128;

use super::AccessError;
use super::caller::{Caller, Grounds, How};
use super::role::Role;
use crate::quantity::Timestamp;

const KEPT_S: f64 = 3600.0;
const KEPT_WITHOUT_ISSUER_S: f64 = 86_400.0;
const BETWEEN_FETCHES_S: f64 = 30.0;
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 256 << 10;
const MOST_LEEWAY_S: u64 = 300;
const MOST_NAME: usize = 128;

/// `[oidc]`: an issuer whose tokens are taken.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerDocument {
    /// Its address, as its tokens say it in `iss`; https, or http on this machine.
    pub issuer: String,
    /// What `aud` must hold.
    pub audience: String,
    /// The claim that tells the role: a path with dots to a text or a list of texts (`realm_access.roles`).
    #[serde(default = "default_role_claim")]
    pub role_claim: String,
    /// The claim that names people in the audit log.
    #[serde(default = "default_name_claim")]
    pub name_claim: String,
    /// Signatures that are taken; only those of public keys can be.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<String>,
    /// Seconds by which clocks may differ.
    #[serde(default = "default_leeway")]
    pub leeway_s: u64,
    /// Role by value of the claim; without it the values are the names of the roles.
    #[serde(default)]
    pub roles: BTreeMap<String, Role>,
}

fn default_role_claim() -> String {
    "roles".to_owned()
}

fn default_name_claim() -> String {
    "sub".to_owned()
}

fn default_algorithms() -> Vec<String> {
    ["RS256", "ES256"].map(str::to_owned).to_vec()
}

fn default_leeway() -> u64 {
    60
}

/// An issuer and its keys.
pub struct Issuer {
    document: IssuerDocument,
    algorithms: Vec<Algorithm>,
    client: reqwest::Client,
    keys: Mutex<Keys>,
    /// Whoever asks the issuer.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Keys {
    set: Option<JwkSet>,
    fetched: Option<Timestamp>,
    tried: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Issuer {
    /// An issuer; nothing is fetched yet. Fails where the settings would be unsafe.
    pub fn new(document: IssuerDocument) -> Result<Self, AccessError> {
        let wrong = |cause: String| AccessError::Issuer { cause, issuer: document.issuer.clone() };
        if !safe(&document.issuer) {
            return Err(wrong("'issuer' is an https address".to_owned()));
        }
        if document.audience.is_empty() {
            return Err(wrong("'audience' is empty".to_owned()));
        }
        if document.leeway_s > MOST_LEEWAY_S {
            return Err(wrong(format!("'leeway_s' is at most {MOST_LEEWAY_S}")));
        }
        let mut algorithms = Vec::new();
        for name in &document.algorithms {
            algorithms.push(public_key_algorithm(name).ok_or_else(|| {
                wrong(format!("'{name}' is not a signature by a public key (RS256, PS256, ES256, EdDSA ...)"))
            })?);
        }
        if algorithms.is_empty() {
            return Err(wrong("'algorithms' is empty".to_owned()));
        }
        let client = reqwest::Client::builder()
            .timeout(FETCH_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { document, algorithms, client, keys: Mutex::default(), fetching: tokio::sync::Mutex::default() })
    }

    /// How it is written.
    pub fn document(&self) -> &IssuerDocument {
        &self.document
    }

    /// What those are known by of whom it speaks: something else where it is written in another way.
    pub fn grounds(&self) -> Grounds {
        Grounds::Issuer(xxh3_128(format!("{:?}", self.document).as_bytes()))
    }

    /// Whose a token is; `None` where it is not good. Why is in the log, not in the answer.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Option<Caller> {
        let header = decode_header(token).ok()?;
        if !self.algorithms.contains(&header.alg) {
            tracing::info!(algorithm = ?header.alg, "a token is signed in a way that is not taken");
            return None;
        }
        let key = self.key(header.kid.as_deref(), header.alg, now).await?;
        match decode::<BTreeMap<String, Json>>(token, &key, &self.validation(header.alg)) {
            Ok(data) => self.caller(&data.claims),
            Err(error) => {
                tracing::info!(%error, "a token is not good");
                None
            }
        }
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.document.leeway_s;
        validation.validate_nbf = true;
        validation.set_audience(&[&self.document.audience]);
        validation.set_issuer(&[&self.document.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation
    }

    fn caller(&self, claims: &BTreeMap<String, Json>) -> Option<Caller> {
        let until = Timestamp::from_seconds(claims.get("exp")?.as_f64()? + self.document.leeway_s as f64);
        let told = claim(claims, &self.document.role_claim)?;
        let values: Vec<&str> = match told {
            Json::String(one) => one.split_whitespace().collect(),
            Json::Array(all) => all.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        let role = |value: &&str| match self.document.roles.is_empty() {
            true => Role::called(value),
            false => self.document.roles.get(*value).copied(),
        };
        let role = values.iter().filter_map(role).max()?;
        let name = claim(claims, &self.document.name_claim).or_else(|| claims.get("sub")).and_then(Json::as_str)?;
        let name: String = name.chars().filter(|c| !c.is_control()).take(MOST_NAME).collect();
        Some(Caller { name: name.into(), role, how: How::Issuer, grounds: self.grounds(), until: Some(until) })
    }

    /// The key that a token names; without a name the only one that fits.
    async fn key(&self, name: Option<&str>, algorithm: Algorithm, now: Timestamp) -> Option<DecodingKey> {
        let known = || {
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            let age = |at: Option<Timestamp>| at.map_or(f64::INFINITY, |at| now.seconds_since(at));
            if age(keys.fetched) > KEPT_WITHOUT_ISSUER_S {
                keys.set = None;
            }
            let found = keys.set.as_ref().and_then(|set| fitting(set, name, algorithm));
            let due = (found.is_none() || age(keys.fetched) > KEPT_S) && age(keys.tried) >= BETWEEN_FETCHES_S;
            (found, due)
        };
        let (found, due) = known();
        // One asks the issuer. Whoever has a key does not wait for that; whoever has none does.
        let turn = match &found {
            Some(_) if !due => return found,
            Some(_) => self.fetching.try_lock().ok(),
            None => Some(self.fetching.lock().await),
        };
        let Some(_turn) = turn else { return found };
        let (found, due) = known();
        if !due {
            return found;
        }
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).tried = Some(now);
        match self.fetch().await {
            Ok(set) => {
                let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
                (keys.set, keys.fetched) = (Some(set), Some(now));
            }
            Err(cause) => tracing::warn!("{cause}: {}", self.document.issuer),
        }
        known().0
    }

    async fn fetch(&self) -> Result<JwkSet, String> {
        let issuer = &self.document.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let discovery: Discovery = self.read(&address).await?;
        if discovery.issuer != *issuer {
            return Err("the issuer calls itself by another name".to_owned());
        }
        if !safe(&discovery.jwks_uri) {
            return Err("the issuer's keys are not at an https address".to_owned());
        }
        self.read(&discovery.jwks_uri).await
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, address: &str) -> Result<T, String> {
        let told = |error: reqwest::Error| error.without_url().to_string();
        let mut answer = self.client.get(address).send().await.and_then(|a| a.error_for_status()).map_err(told)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(told)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MOST_BYTES {
                return Err(format!("the issuer's answer is larger than {} KiB", MOST_BYTES >> 10));
            }
        }
        serde_json::from_slice(&bytes).map_err(|error| format!("the issuer's answer cannot be read: {error}"))
    }
}

/// Whether this is a JSON Web Token, and no token of this server: it has a head that says how it is signed.
pub fn is_web_token(token: &str) -> bool {
    decode_header(token).is_ok()
}

/// A claim by its path: as it is written, else by the parts between dots.
fn claim<'c>(claims: &'c BTreeMap<String, Json>, path: &str) -> Option<&'c Json> {
    if let Some(direct) = claims.get(path) {
        return Some(direct);
    }
    let mut parts = path.split('.');
    parts.next().and_then(|first| claims.get(first)).and_then(|first| parts.try_fold(first, |at, part| at.get(part)))
}

/// Signatures whose checker cannot sign: never `none`, never a shared secret.
fn public_key_algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "RS256" => Some(Algorithm::RS256),
        "RS384" => Some(Algorithm::RS384),
        "RS512" => Some(Algorithm::RS512),
        "PS256" => Some(Algorithm::PS256),
        "PS384" => Some(Algorithm::PS384),
        "PS512" => Some(Algorithm::PS512),
        "ES256" => Some(Algorithm::ES256),
        "ES384" => Some(Algorithm::ES384),
        "EdDSA" => Some(Algorithm::EdDSA),
        _ => None,
    }
}

/// https, or http on this machine.
fn safe(address: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(address) else { return false };
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.scheme() == "https" || (url.scheme() == "http" && local)
}

fn fitting(set: &JwkSet, name: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
    let mut fits = set.keys.iter().filter(|key| fits(key, algorithm));
    let key = match name {
        Some(name) => fits.find(|key| key.common.key_id.as_deref() == Some(name))?,
        None => {
            let only = fits.next()?;
            if fits.next().is_some() {
                return None;
            }
            only
        }
    };
    DecodingKey::from_jwk(key).ok()
}

/// A public key for signatures of this kind: a key set that holds a shared secret is not believed.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    use jsonwebtoken::AlgorithmFamily as Family;
    let kind = matches!(
        (&key.algorithm, algorithm.family()),
        (AlgorithmParameters::RSA(_), Family::Rsa)
            | (AlgorithmParameters::EllipticCurve(_), Family::Ec)
            | (AlgorithmParameters::OctetKeyPair(_), Family::Ed)
    );
    let named = key.common.key_algorithm.is_none_or(|own| own == KeyAlgorithm::from(algorithm));
    let signs = key.common.public_key_use.as_ref().is_none_or(|uses| *uses == PublicKeyUse::Signature);
    kind && named && signs
}
