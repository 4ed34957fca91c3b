//! Who asks.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::role::Role;
use crate::quantity::Timestamp;
use crate::service::{Problem, ProblemKind};

/// How somebody came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A token of this server, with the request.
    Token,
    /// A token of an issuer, with the request.
    Issuer,
    /// The cookie of a session.
    Session,
    /// A ticket that opens one WebSocket.
    Ticket,
    /// Not at all: the server is open.
    Open,
}

/// What somebody is known by. Where it no longer holds, they are not known any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grounds {
    /// A token of this server: a number for its hash.
    Token(u128),
    /// What an issuer said: a number for how this server was told to take it.
    Issuer(u128),
    /// Nothing: the server is open.
    Open,
}

/// Who asks: an extractor for endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Name of the token, or what the issuer says.
    pub name: Arc<str>,
    /// What they may.
    pub role: Role,
    /// How they are known.
    pub how: How,
    /// What they are known by.
    pub grounds: Grounds,
    /// When that ends by itself: the issuer's word, the session.
    pub until: Option<Timestamp>,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // The gate puts it there; an endpoint outside of the gate gets nobody in.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::new(ProblemKind::Unauthenticated, ""))
    }
}
