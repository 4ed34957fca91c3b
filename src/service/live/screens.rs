//! `/api/screens`: the viewers that run, and what an operator asks of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::scenario::wire::ScreenOrder;
use crate::service::{Problem, ProblemKind, Service};

/// Screens at once.
const MOST_SCREENS: usize = 256;
const MOST_NAME: usize = 64;
const MOST_WORDS: usize = 1000;

/// How a viewer presents itself as a screen.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenWish {
    /// As operators call it.
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

struct Screen {
    wish: ScreenWish,
    mailbox: mpsc::Sender<ScreenOrder>,
}

#[derive(Default)]
struct Registered {
    last: u64,
    screens: BTreeMap<u64, Screen>,
}

/// The screens that run. Clones share one list.
#[derive(Clone, Default)]
pub struct Screens(Arc<Mutex<Registered>>);

/// A screen's place in the list; gone when it is dropped.
pub(super) struct Registration {
    screens: Screens,
    number: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.screens.lock().screens.remove(&self.number);
    }
}

impl Screens {
    fn lock(&self) -> MutexGuard<'_, Registered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a screen.
    pub(super) fn register(
        &self,
        wish: ScreenWish,
        mailbox: mpsc::Sender<ScreenOrder>,
    ) -> Result<Registration, String> {
        if wish.name.is_empty() || wish.name.chars().count() > MOST_NAME || wish.name.chars().any(char::is_control) {
            return Err(format!("a screen's name has 1 to {MOST_NAME} letters"));
        }
        let mut registered = self.lock();
        if registered.screens.len() >= MOST_SCREENS {
            return Err("too many screens".to_owned());
        }
        registered.last += 1;
        let number = registered.last;
        registered.screens.insert(number, Screen { wish, mailbox });
        Ok(Registration { screens: self.clone(), number })
    }

    /// Hands an order to one screen or all: to how many, and how many did not take it. `None` where there is no such screen.
    fn order(&self, only: Option<u64>, order: &ScreenOrder) -> Option<(usize, usize)> {
        let registered = self.lock();
        if only.is_some_and(|number| !registered.screens.contains_key(&number)) {
            return None;
        }
        let wanted = registered.screens.iter().filter(|(number, _)| only.is_none_or(|only| only == **number));
        let taken: Vec<bool> = wanted.map(|(_, screen)| screen.mailbox.try_send(order.clone()).is_ok()).collect();
        let delivered = taken.iter().filter(|taken| **taken).count();
        Some((delivered, taken.len() - delivered))
    }
}

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(list, order))
}

/// A screen that runs.
#[derive(Debug, Serialize, ToSchema)]
struct ScreenEntry {
    /// Number for orders.
    screen: u64,
    /// As it presented itself.
    name: String,
    /// Pixels.
    width: u32,
    /// Pixels.
    height: u32,
}

/// The screens that run now.
#[utoipa::path(get, path = "/api/screens", responses((status = 200, description = "Screens", body = Vec<ScreenEntry>)))]
async fn list(State(service): State<Service>) -> Json<Vec<ScreenEntry>> {
    let registered = service.live.screens.lock();
    let entry = |(number, screen): (&u64, &Screen)| {
        let ScreenWish { name, width, height } = screen.wish.clone();
        ScreenEntry { screen: *number, name, width, height }
    };
    Json(registered.screens.iter().map(entry).collect())
}

/// What screens are asked to do; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    /// Number of the screen; all where absent.
    #[serde(default)]
    screen: Option<u64>,
    /// Show this scene.
    #[serde(default)]
    scene: Option<String>,
    /// Play this scenario.
    #[serde(default)]
    scenario: Option<String>,
    /// Look from this camera of the scene.
    #[serde(default)]
    camera: Option<String>,
    /// Look from here: longitude and latitude in degrees, height in metres, heading and pitch in degrees.
    #[serde(default)]
    place: Option<[f64; 5]>,
    /// Show these words.
    #[serde(default)]
    message: Option<String>,
}

/// Which screens took an order.
#[derive(Debug, Serialize, ToSchema)]
struct Delivery {
    /// It is on its way to so many.
    delivered: usize,
    /// So many have too many orders waiting already.
    refused: usize,
}

/// Steers one screen or all.
#[utoipa::path(post, path = "/api/screens", request_body = OrderBody, responses(
    (status = 200, description = "On its way", body = Delivery),
    (status = 400, description = "Not an order", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such screen", body = Problem, content_type = "application/problem+json"),
))]
async fn order(
    State(service): State<Service>,
    body: Result<Json<OrderBody>, JsonRejection>,
) -> Result<Json<Delivery>, Problem> {
    let refuse = |detail: &str| Problem::new(ProblemKind::BadRequest, detail);
    let Json(body) = body.map_err(|_| refuse("the body is a JSON object with 'screen' and what it is to do"))?;
    let OrderBody { screen, scene, scenario, camera, place, message } = body;
    let long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.chars().count() > MOST_WORDS);
    if [&scene, &scenario, &camera, &message].into_iter().any(long) {
        return Err(refuse("the words are too long"));
    }
    if let Some([longitude, latitude, ..]) = place
        && !((-180.0..=180.0).contains(&longitude) && (-90.0..=90.0).contains(&latitude))
    {
        return Err(refuse("'place' is longitude, latitude, height, heading, pitch"));
    }
    let order = ScreenOrder { scene, scenario, camera, place, message };
    if order == ScreenOrder::default() {
        return Err(refuse("the order says nothing to do"));
    }
    let (delivered, refused) = service
        .live
        .screens
        .order(screen, &order)
        .ok_or_else(|| Problem::new(ProblemKind::NotFound, "no such screen"))?;
    Ok(Json(Delivery { delivered, refused }))
}
