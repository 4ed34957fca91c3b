//! Pictures for a server: one thread draws them, one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::Result;
use tokio::sync::oneshot;

use super::commands::play::compute_runs;
use super::commands::render::camera_of;
use super::commands::serve_stages::{StagedScene, Stages};
use super::scene_picture::ScenePainter;
use super::stage::{Course, SharedStage, Stage};
use crate::platform::Interrupt;
use crate::quantity::Timestamp;
use crate::service::live::{Live, Painter, PictureError, PictureRequest};

/// Pictures that wait at most.
const MOST_WAITING: usize = 4;
/// Memory of the tiles of a picture, MiB.
const MEMORY_MIB: u64 = 512;

type Answer = oneshot::Sender<Result<Vec<u8>, PictureError>>;

/// Where requests go.
struct Queue(SyncSender<(PictureRequest, Answer)>);

impl Painter for Queue {
    fn ask(&self, request: PictureRequest, answer: Answer) -> bool {
        self.0.try_send((request, answer)).is_ok()
    }
}

/// What pictures are drawn of: the scene as it is served, and a play apart from what everybody sees.
struct Subject {
    scene: Arc<StagedScene>,
    /// A play of its own, that goes where a picture wants it.
    own: Option<SharedStage>,
}

/// The engine with the stage and the size that it was opened for.
struct Studio {
    painter: ScenePainter,
    scene: String,
    size: (u32, u32),
}

/// Draws pictures of stages for a server until that ends.
pub fn start(stages: Stages, live: &Live) -> Result<()> {
    let (sender, requests) = sync_channel(MOST_WAITING);
    std::thread::Builder::new().name("pictures".to_owned()).spawn(move || draw_all(&stages, &requests))?;
    live.set_painter(Box::new(Queue(sender)));
    Ok(())
}

fn draw_all(stages: &Stages, requests: &Receiver<(PictureRequest, Answer)>) {
    let (mut studio, mut subjects) = (None, BTreeMap::<String, Subject>::new());
    for (request, answer) in requests {
        // Who has gone needs no picture.
        if answer.is_closed() {
            continue;
        }
        // A scene that was read again, or is served no longer, is not held here either.
        let is_old = |name: &String, subject: &mut Subject| {
            !stages.get(name).is_some_and(|scene| Arc::ptr_eq(&scene, &subject.scene))
        };
        if subjects.extract_if(.., is_old).count() > 0 {
            studio = None;
        }
        let picture = match stages.get(&request.scene) {
            Some(scene) => {
                let subject = subjects.entry(request.scene.clone()).or_insert(Subject { scene, own: None });
                draw(subject, &mut studio, &request)
            }
            None => Err(PictureError::Refused("no such scene".to_owned())),
        };
        if matches!(picture, Err(PictureError::Failed(_))) {
            // An engine that has failed is not used again.
            studio = None;
        }
        drop(answer.send(picture));
    }
}

fn failed(error: &anyhow::Error) -> PictureError {
    PictureError::Failed(format!("{error:#}"))
}

fn draw(subject: &mut Subject, studio: &mut Option<Studio>, request: &PictureRequest) -> Result<Vec<u8>, PictureError> {
    let stage = subject.stage(request.at)?;
    let camera = camera_of(&stage.lock(), request.camera.as_deref(), None);
    let camera = camera.map_err(|error| PictureError::Refused(error.to_string()))?;
    let size = (request.width, request.height);
    let fits = |studio: &Studio| studio.scene == request.scene && studio.size == size;
    let kept = studio.take().filter(fits);
    let mut ready = match kept {
        Some(studio) => studio,
        None => {
            let painter = ScenePainter::open(&stage, size, MEMORY_MIB).map_err(|error| failed(&error))?;
            Studio { painter, scene: request.scene.clone(), size }
        }
    };
    let picture = ready.painter.picture(camera).map_err(|error| failed(&error))?;
    *studio = Some(ready);
    picture.png().map_err(|error| PictureError::Failed(error.to_string()))
}

impl Subject {
    /// The stage to draw: the present as it is served; a play of its own, at `at` or where the served one is.
    fn stage(&mut self, at: Option<Timestamp>) -> Result<SharedStage, PictureError> {
        let now = {
            let served = self.scene.served.stage.lock();
            match (&served.course, at) {
                (Course::Live(_), None) => return Ok(self.scene.served.stage.clone()),
                (Course::Live(_), Some(_)) => {
                    return Err(PictureError::Refused("only a play can be seen at another instant".to_owned()));
                }
                (Course::Play(_), _) => served.time(),
            }
        };
        let own = match self.own.take() {
            Some(own) => own,
            None => {
                let mut stage = Stage::open(self.scene.documents.clone(), None).map_err(|error| failed(&error))?;
                // Those of what is served, where all of them are there by now.
                stage.runs.clone_from(&self.scene.served.stage.lock().runs);
                if stage.scenario.as_ref().is_some_and(|scenario| stage.runs.len() < scenario.simulations.len()) {
                    compute_runs(&mut stage, &Interrupt::default()).map_err(|error| failed(&error))?;
                }
                SharedStage::new(stage)
            }
        };
        own.lock().seek(at.unwrap_or(now));
        self.own = Some(own.clone());
        Ok(own)
    }
}
