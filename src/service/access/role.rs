//! Who may do what: one table, and everything that is not in it is refused.

use axum::http::Method;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What people are here. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks and asks.
    Viewer,
    /// Runs plays, steers screens, takes alarms, sends observations.
    Operator,
    /// Changes scenarios and variants.
    Planner,
    /// Sees configuration, figures and the audit log.
    Admin,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Planner, Self::Admin];

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Planner => "planner",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    pub fn called(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// What an address asks of whoever calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: whether the server lives, the page and its programs, signing in.
    Nothing,
    /// This role or a higher one.
    Role(Role),
}

/// A family of addresses: reading it (GET, HEAD), asking with a body that changes nothing (POST), changing it.
struct Family {
    /// The address itself, and with `below` all addresses under it.
    path: &'static str,
    below: bool,
    read: Option<Need>,
    write: Option<Need>,
}

const fn family(path: &'static str, read: Need, write: Option<Need>) -> Family {
    Family { path, below: true, read: Some(read), write }
}

const fn address(path: &'static str, read: Option<Need>, write: Option<Need>) -> Family {
    Family { path, below: false, read, write }
}

const ANYONE: Need = Need::Nothing;
const VIEWER: Need = Need::Role(Role::Viewer);
const OPERATOR: Need = Need::Role(Role::Operator);
const PLANNER: Need = Need::Role(Role::Planner);
const ADMIN: Need = Need::Role(Role::Admin);

/// The table. The first family that an address belongs to decides.
const FAMILIES: &[Family] = &[
    address("/", Some(ANYONE), None),
    address("/healthz", Some(ANYONE), None),
    address("/readyz", Some(ANYONE), None),
    address("/favicon.ico", Some(ANYONE), None),
    // The viewer's page and programs: the same for everybody, and needed to sign in.
    family("/viewer", ANYONE, None),
    family("/web", ANYONE, None),
    address("/api/session", Some(ANYONE), Some(ANYONE)),
    address("/api/session/ticket", None, Some(VIEWER)),
    address("/api", Some(VIEWER), None),
    address("/api/openapi.json", Some(VIEWER), None),
    // Questions may come as POST: they change nothing.
    family("/api/city", VIEWER, Some(VIEWER)),
    family("/api/cities", VIEWER, Some(VIEWER)),
    family("/api/tiles", VIEWER, None),
    family("/ogc", VIEWER, Some(VIEWER)),
    family("/sta", VIEWER, Some(OPERATOR)),
    family("/api/live", VIEWER, None),
    family("/api/history", VIEWER, None),
    family("/api/indicators", VIEWER, None),
    family("/api/snapshot.png", VIEWER, None),
    family("/api/scenes", VIEWER, None),
    family("/api/alarms", VIEWER, Some(OPERATOR)),
    family("/api/playback", VIEWER, Some(OPERATOR)),
    family("/api/screens", VIEWER, Some(OPERATOR)),
    family("/api/scenarios", VIEWER, Some(PLANNER)),
    family("/api/variants", VIEWER, Some(PLANNER)),
    family("/api/config", ADMIN, Some(ADMIN)),
    family("/api/audit", ADMIN, None),
    family("/metrics", ADMIN, None),
];

/// What calling `path` with `method` needs; `None` where the table does not know it, which means nobody may.
pub fn needed(method: &Method, path: &str) -> Option<Need> {
    let belongs = |family: &&Family| {
        let rest = path.strip_prefix(family.path);
        rest.is_some_and(|rest| rest.is_empty() || (family.below && rest.starts_with('/')))
    };
    let family = FAMILIES.iter().find(belongs)?;
    match *method {
        Method::GET | Method::HEAD => family.read,
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE => family.write,
        _ => None,
    }
}

/// Families that tell of a whole scene and cannot leave out a part of it.
const OF_THE_WHOLE: &[&str] = &["/api/variants"];

/// Whether an address tells of a whole scene: whoever something is withheld from gets nothing of it.
pub fn tells_of_the_whole(path: &str) -> bool {
    let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
    OF_THE_WHOLE.iter().any(|family| path.strip_prefix(family).is_some_and(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_the_table_does_not_know() {
        let of = |method: Method, path: &str| needed(&method, path);
        assert_eq!(of(Method::GET, "/healthz"), Some(Need::Nothing));
        assert_eq!(of(Method::GET, "/api/tiles/tokyo/0a/tileset.json"), Some(VIEWER));
        assert_eq!(of(Method::GET, "/api/tiles"), Some(VIEWER));
        assert_eq!(of(Method::POST, "/api/playback/seek"), Some(OPERATOR));
        assert_eq!(of(Method::PUT, "/api/scenarios/rain"), Some(PLANNER));
        assert_eq!(of(Method::GET, "/metrics"), Some(ADMIN));
        for unknown in ["/api/tilesets", "/apis", "/healthz/x", "", "*", "/api/unheard", "/admin", "/api/session/other"]
        {
            assert_eq!(of(Method::GET, unknown), None, "{unknown}");
        }
        assert_eq!(of(Method::DELETE, "/api/tiles/a"), None);
        assert_eq!(of(Method::CONNECT, "/api/city"), None);
        for path in ["/api/variants", "/api/variants/rain"] {
            assert!(tells_of_the_whole(path), "{path}");
        }
        for path in ["/api/city", "/api/tiles/demo", "/sta/v1.1/Things", "/api/history", "/api/live", "/api/variant"] {
            assert!(!tells_of_the_whole(path), "{path}");
        }
        assert!(Role::Admin > Role::Planner && Role::Operator > Role::Viewer);
        assert!(Role::ALL.iter().all(|role| Role::called(role.name()) == Some(*role)));
    }
}
