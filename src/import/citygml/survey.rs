//! What must be known of a whole file before its objects can be read: looks that stand apart from the objects, and
//! geometries that members share by links. Most files have neither, which is found without reading their elements.

use std::collections::HashSet;
use std::sync::Arc;

use super::appearance::{Appearances, Remark, key};
use super::classes;
use super::members::{Member, Members};
use super::scope::Library;
use super::stream::Stream;
use super::tree::{Element, Spaces, Tree};
use crate::geometry::parallel;
use crate::import::{ImportError, SourceFiles};

/// Text searched at one time.
const SEARCH_BYTES: usize = 4 << 20;
/// Geometries that lead to geometries of other members that do so again.
const MAX_ROUNDS: usize = 4;
/// Shared geometries kept in memory.
const MAX_LIBRARY_BYTES: usize = 256 << 20;
/// Properties of geometries that may be links.
const LINKS: &[&str] = &[
    "baseCurve",
    "baseSurface",
    "curveMember",
    "exterior",
    "geometryMember",
    "interior",
    "pointMember",
    "relativeGMLGeometry",
    "relativeGeometry",
    "solidMember",
    "surfaceMember",
    "tin",
];

/// What the objects of a file share.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) appearances: Appearances,
    pub(super) library: Library,
    pub(super) remarks: Vec<Remark>,
}

/// Goes through a file.
pub(super) fn survey(files: &dyn SourceFiles, name: &str, spaces: &Spaces) -> Result<Survey, ImportError> {
    let mut survey = Survey::default();
    let [has_looks, has_links] = mentions(files, name, [b"Appearance", b"href"])?;
    if !has_looks && !has_links {
        return Ok(survey);
    }
    let mut wanted = HashSet::new();
    for_batches(files, name, |members| {
        for member in members.iter().filter(|member| member.holds_looks()) {
            if let Some(tree) = parse(member, spaces) {
                for element in tree.all().filter(|element| element.name() == "Appearance") {
                    survey.appearances.add(element, files, name, &mut survey.remarks);
                }
            }
        }
        let linking = members.into_iter().filter(|member| memchr::memmem::find(member.text, b"href").is_some());
        let missing = parallel::map(linking.collect(), |member| {
            parse(&member, spaces).map(|tree| links_outside(&tree)).unwrap_or_default()
        });
        wanted.extend(missing.into_iter().flatten());
    })?;
    let mut bytes = 0;
    for _ in 0..MAX_ROUNDS {
        if wanted.is_empty() || bytes > MAX_LIBRARY_BYTES {
            break;
        }
        let mut further = HashSet::new();
        for_batches(files, name, |members| {
            let found = parallel::map(members, |member| wanted_of(&member, spaces, &wanted));
            for (id, text, links) in found.into_iter().flatten() {
                bytes += text.len();
                if bytes <= MAX_LIBRARY_BYTES {
                    survey.library.entry(id).or_insert(text);
                    further.extend(links);
                }
            }
        })?;
        further.retain(|id| !survey.library.contains_key(id));
        wanted = further;
    }
    Ok(survey)
}

/// Which words a file has.
fn mentions<const N: usize>(files: &dyn SourceFiles, name: &str, words: [&[u8]; N]) -> Result<[bool; N], ImportError> {
    let longest = words.iter().map(|word| word.len()).max().unwrap_or_default();
    let finders = words.map(memchr::memmem::Finder::new);
    let mut found = [false; N];
    let mut stream = Stream::open(files, name);
    let mut text = Vec::new();
    while stream.read(SEARCH_BYTES, &mut text)? > 0 && found.contains(&false) {
        for (found, finder) in found.iter_mut().zip(&finders) {
            *found = *found || finder.find(&text).is_some();
        }
        text.drain(..text.len().saturating_sub(longest));
    }
    Ok(found)
}

fn for_batches(files: &dyn SourceFiles, name: &str, mut take: impl FnMut(Vec<Member<'_>>)) -> Result<(), ImportError> {
    let mut members = Members::new(Stream::open(files, name));
    if members.root()?.is_some() {
        while let Some(batch) = members.next()? {
            take(batch.members());
        }
    }
    Ok(())
}

/// A member that is no XML is told when it is read.
fn parse<'a>(member: &Member<'a>, spaces: &'a Spaces) -> Option<Tree<'a>> {
    Tree::parse(std::str::from_utf8(member.text).ok()?, spaces).ok()
}

fn link(element: Element<'_>) -> Option<u64> {
    let is_link = LINKS.binary_search(&element.name()).is_ok() || classes::lod(element.name()).is_some();
    let href = element.attribute("href").filter(|_| is_link && element.is_leaf())?;
    href.starts_with('#').then(|| key(&href))
}

/// Links to geometries that are not in the tree.
fn links_outside(tree: &Tree<'_>) -> Vec<u64> {
    let mut links: HashSet<u64> = tree.all().filter_map(link).collect();
    for id in tree.all().filter_map(Element::id) {
        links.remove(&key(&id));
    }
    let mut links: Vec<u64> = links.into_iter().collect();
    links.sort_unstable();
    links
}

/// Geometries of a member that others link to, with the links in them.
fn wanted_of(member: &Member<'_>, spaces: &Spaces, wanted: &HashSet<u64>) -> Vec<(u64, Arc<str>, Vec<u64>)> {
    let Some(tree) = parse(member, spaces) else { return Vec::new() };
    let mut found = Vec::new();
    for element in tree.all().filter(|element| classes::is_geometry(element.name())) {
        if let Some(id) = element.id().map(|id| key(&id)).filter(|id| wanted.contains(id)) {
            let links = element.descendants().filter_map(link).collect();
            found.push((id, Arc::from(element.written()), links));
        }
    }
    found
}
