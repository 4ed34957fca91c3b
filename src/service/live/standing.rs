//! How long a connection may go on: as long as its client is known and sees what it saw when it connected.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::SceneChannel;
use crate::service::access::{Caller, RightDocument};
use crate::service::{Served, Service};

/// The client is no longer known: it has to say anew who it is.
pub(super) const NOT_KNOWN: u16 = 4401;
/// The client may do or see something else now, or the scene is another: it comes back with that when it connects again.
pub(super) const OTHER_RIGHTS: u16 = 4403;

/// Seconds after which it is looked at again in any case: the machine's clock may have been set.
const LOOK_S: f64 = 60.0;

/// What a client sees of everything that is served, as far as something is withheld from it.
struct Outlook {
    rights: Vec<RightDocument>,
    /// Versions of the cities that it sees a part of.
    parts: BTreeMap<String, String>,
}

impl Service {
    /// Waits until a client that is connected has to go, and tells why. `listened`: the scene that it listens to.
    pub(super) async fn sent_away(
        &self,
        caller: Option<&Caller>,
        listened: impl Fn() -> Option<Arc<SceneChannel>>,
    ) -> (u16, String) {
        let mut replaced = self.replaced.subscribe();
        let outlook = self.outlook(&self.served());
        loop {
            let served = self.served();
            let (role, left_s) = match (&served.protection, caller) {
                (Some(protection), Some(caller)) => {
                    let left_s = caller.until.map(|until| until.seconds_since(protection.access.now()));
                    (protection.access.role_of(caller).filter(|_| left_s.is_none_or(|left| left > 0.0)), left_s)
                }
                _ => (Some(self.role), None),
            };
            match role {
                None => return (NOT_KNOWN, "what you signed in with is no longer good".to_owned()),
                Some(role) if role == self.role && outlook.holds_in(&self.outlook(&served)) => {}
                Some(_) => return (OTHER_RIGHTS, "your rights have changed: connect again".to_owned()),
            }
            if listened().is_some_and(|channel| !self.live.has(&channel)) {
                return (OTHER_RIGHTS, "the scene has been read anew: connect again".to_owned());
            }
            let look_again = Duration::from_secs_f64(left_s.unwrap_or(LOOK_S).clamp(0.0, LOOK_S));
            if let Ok(Err(_)) = timeout(look_again, replaced.changed()).await {
                // Nothing is served any more, so nothing is replaced.
                return std::future::pending().await;
            }
        }
    }

    fn outlook(&self, served: &Served) -> Outlook {
        let cities = served.catalogues.get(&self.role).into_iter().flat_map(|catalogue| catalogue.cities.values());
        let parts = cities.filter(|city| city.selection.is_some());
        Outlook {
            rights: served.rights_of(self.role).cloned().collect(),
            parts: parts.map(|city| (city.name.clone(), city.version.clone())).collect(),
        }
    }
}

impl Outlook {
    /// Whether nothing of this is different there; cities that have come since are no reason to go.
    fn holds_in(&self, now: &Self) -> bool {
        self.rights == now.rights && self.parts.iter().all(|(name, version)| now.parts.get(name) == Some(version))
    }
}
