//! The face of all words, and what it lacks: signs that no face has are noted once, so that a shell that can bring more
//! (a page: pieces of the full font) need not bring them before they are written.

use std::collections::BTreeSet;
use std::sync::Arc;

use bevy::prelude::*;
use bevy::text::{Font, FontCx, FontSource};
use parley::fontique::{Blob, CharmapIndex, Collection, CollectionOptions, FamilyId, Script};

use super::tiles::HeldBytes;

/// Chinese, Japanese and Latin in one.
const FACE: &[u8] = include_bytes!("../../assets/fonts/NotoSansSC-subset.otf");
/// Scripts for which further faces are asked (ISO 15924): those of the full font.
const SCRIPTS: [&[u8; 4]; 9] = [b"Hani", b"Hang", b"Hira", b"Kana", b"Bopo", b"Latn", b"Cyrl", b"Grek", b"Zyyy"];
/// Signs that are noted at most: what is missing beyond them stays so.
const MOST_NOTED: usize = 1 << 14;

/// The faces that words are written in.
#[derive(Resource)]
pub struct Faces {
    own: Handle<Font>,
    /// Bytes and character map of each face.
    known: Vec<(Blob<u8>, CharmapIndex)>,
    /// Signs that were to be written and that no face had then.
    noted: BTreeSet<char>,
    /// Those that nobody was told of.
    new: Vec<char>,
}

pub(super) struct FacesPlugin;

impl Plugin for FacesPlugin {
    fn build(&self, app: &mut App) {
        let data = Blob::new(Arc::new(FACE));
        let mut reading = Collection::new(CollectionOptions { shared: false, system_fonts: false });
        let known = register(&mut reading, &data).1;
        let own = app.world_mut().resource_mut::<Assets<Font>>().add(Font { data, alias: String::new() });
        app.world_mut().spawn(HeldBytes(FACE.len()));
        app.insert_resource(Faces { own, known, noted: BTreeSet::new(), new: Vec::new() });
    }
}

impl Faces {
    /// What words are written in first.
    pub(super) fn source(&self) -> FontSource {
        FontSource::Handle(self.own.clone())
    }

    /// How many there are: words that were written with fewer may lack signs.
    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    /// Notes what of some words no face has.
    pub(super) fn note(&mut self, words: &str) {
        for sign in words.chars().filter(|sign| !sign.is_control()) {
            if self.noted.len() < MOST_NOTED && !self.has(sign) && self.noted.insert(sign) {
                self.new.push(sign);
            }
        }
    }

    /// Whether some face has a sign.
    pub fn has(&self, sign: char) -> bool {
        let glyph = |(bytes, map): &(Blob<u8>, CharmapIndex)| map.charmap(bytes.as_ref())?.map(sign);
        self.known.iter().filter_map(glyph).any(|glyph| glyph != 0)
    }

    /// Signs that are missing, each told once.
    pub fn take_missing(&mut self) -> Vec<char> {
        std::mem::take(&mut self.new)
    }
}

/// Takes one more face (OpenType, or a collection of them) for signs that those before it lack. `false` where the bytes are
/// none.
pub fn add_face(world: &mut World, bytes: Vec<u8>) -> bool {
    let (size, data) = (bytes.len(), Blob::from(bytes));
    let mut context = world.resource_mut::<FontCx>();
    let collection = &mut context.context.collection;
    let (families, maps) = register(collection, &data);
    if maps.is_empty() {
        return false;
    }
    for script in SCRIPTS {
        collection.append_fallbacks(Script::from_bytes(*script), families.iter().copied());
    }
    world.spawn(HeldBytes(size));
    world.resource_mut::<Faces>().known.extend(maps);
    true
}

type Maps = Vec<(Blob<u8>, CharmapIndex)>;

fn register(collection: &mut Collection, face: &Blob<u8>) -> (Vec<FamilyId>, Maps) {
    let registered = collection.register_fonts(face.clone(), None);
    let fonts = registered.iter().flat_map(|(_, fonts)| fonts);
    let maps = fonts.map(|font| (face.clone(), font.charmap_index())).collect();
    (registered.into_iter().map(|(family, _)| family).collect(), maps)
}
