//! What a request that fails gets: a problem document (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Kinds of problems; each has one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The request says something that cannot be read.
    BadRequest,
    /// Who asks is not known.
    Unauthenticated,
    /// Who asks may not.
    Forbidden,
    /// There is no such thing, or who asks may not know of it.
    NotFound,
    /// The address does not know this method.
    MethodNotAllowed,
    /// It does not fit what holds now.
    Conflict,
    /// What was announced did not come in time.
    TooSlow,
    /// More was sent than is taken.
    TooLarge,
    /// The address is longer than is read.
    AddressTooLong,
    /// The head of the request is longer than is read.
    HeadTooLarge,
    /// The question costs more than a request may.
    TooCostly,
    /// Too many requests.
    TooMany,
    /// The range does not lie in the file.
    RangeNotSatisfiable,
    /// Nothing of this kind runs here (a play, pictures).
    Unavailable,
    /// A fault of the server; its log tells more than the answer.
    Internal,
}

impl ProblemKind {
    fn words(self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "The request cannot be read"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "Who asks is not known"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "Not allowed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "The address does not know this method"),
            Self::Conflict => (StatusCode::CONFLICT, "It does not fit what holds now"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The request comes too slowly"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "More than is taken"),
            Self::AddressTooLong => (StatusCode::URI_TOO_LONG, "The address is too long"),
            Self::HeadTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too large"),
            Self::TooCostly => (StatusCode::UNPROCESSABLE_ENTITY, "The question costs too much"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::RangeNotSatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, "The range does not lie in the file"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Not here now"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "A fault of the server"),
        }
    }
}

/// A problem document. `detail` is for whoever asked: nothing of paths, versions or other clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    #[serde(skip)]
    #[schema(ignore)]
    status_code: StatusCode,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// The kind in words; the same for every problem of a kind.
    title: &'static str,
    /// What is wrong with this request, and what would be right.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
}

impl Problem {
    /// A problem of a kind.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let (status_code, title) = kind.words();
        Self { status_code, status: status_code.as_u16(), title, detail: detail.into() }
    }

    /// A fault of the server: the cause goes to the log, not to whoever asked.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!("{cause}");
        Self::new(ProblemKind::Internal, "")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Words and numbers: this cannot fail to be JSON.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let json = HeaderValue::from_static("application/problem+json");
        (self.status_code, [(header::CONTENT_TYPE, json)], body).into_response()
    }
}

/// Where no endpoint is.
pub async fn unknown() -> Problem {
    Problem::new(ProblemKind::NotFound, "")
}

/// An endpoint that does not know the method.
pub async fn not_allowed() -> Problem {
    Problem::new(ProblemKind::MethodNotAllowed, "")
}
