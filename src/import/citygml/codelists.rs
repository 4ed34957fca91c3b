//! Code lists (GML dictionaries) beside a file: what the codes of attributes mean.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::tree::{Spaces, Tree};
use crate::import::SourceFiles;
use crate::import::paint::beside;

/// A larger list is none.
const MAX_BYTES: u64 = 16 << 20;
/// More lists are not kept.
const MAX_LISTS: usize = 4096;
/// A list may lie this many folders above a file that is imported alone.
const MAX_CLIMB: usize = 3;

/// The words of codes; `None` where the list is not there or is no list.
type List = Option<Arc<HashMap<String, String>>>;

/// The code lists of a source, each read when the first attribute asks for it.
pub(super) struct CodeLists<'f> {
    files: &'f dyn SourceFiles,
    known: Mutex<BTreeMap<String, List>>,
}

/// What is known of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Its words.
    Words(String),
    /// The list does not have it, or is not one beside the file.
    Unknown,
    /// The list is not there: told the first time only.
    Missing(String),
}

impl<'f> CodeLists<'f> {
    pub(super) fn new(files: &'f dyn SourceFiles) -> Self {
        Self { files, known: Mutex::default() }
    }

    /// What a code of a `codeSpace` means in a file.
    pub(super) fn meaning(&self, file: &str, code_space: &str, code: &str) -> Meaning {
        let space = code_space.trim();
        if !space.to_ascii_lowercase().ends_with(".xml") || space.contains(':') || space.starts_with('/') {
            return Meaning::Unknown;
        }
        let (climbed, below) = beside(file, space);
        if climbed > MAX_CLIMB {
            return Meaning::Unknown;
        }
        let name = "../".repeat(climbed) + &below;
        // A list is the same whoever reads it first, so one half read by a thread that failed cannot be.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = known.get(&name) {
            let words = list.as_ref().and_then(|list| list.get(code));
            return words.map_or(Meaning::Unknown, |words| Meaning::Words(words.clone()));
        }
        if known.len() >= MAX_LISTS {
            return Meaning::Unknown;
        }
        let list = self.places(file, &name).iter().find_map(|place| self.read(place)).map(Arc::new);
        let meaning = match &list {
            Some(list) => list.get(code).map_or(Meaning::Unknown, |words| Meaning::Words(words.clone())),
            None => Meaning::Missing(name.clone()),
        };
        known.insert(name, list);
        meaning
    }

    /// Where a list may be: where the file says; else under the same name anywhere in the source, capitals aside; else in a
    /// folder `codelists` beside the file or above it. Packages are often taken apart.
    fn places(&self, file: &str, name: &str) -> Vec<String> {
        let base = name.rsplit('/').next().unwrap_or(name);
        let same = |other: &&String| other.rsplit('/').next().is_some_and(|other| other.eq_ignore_ascii_case(base));
        let mut places = vec![name.to_owned()];
        places.extend(self.files.names().iter().filter(same).cloned());
        for climb in 0..=MAX_CLIMB {
            let (climbed, below) = beside(file, &format!("{}codelists/{base}", "../".repeat(climb)));
            places.push("../".repeat(climbed) + &below);
        }
        places
    }

    fn read(&self, name: &str) -> Option<HashMap<String, String>> {
        if self.files.size(name).ok()? > MAX_BYTES {
            return None;
        }
        let bytes = self.files.read(name).ok()?;
        let text = std::str::from_utf8(&bytes).ok()?;
        let spaces = Spaces::default();
        let tree = Tree::parse(text, &spaces).ok()?;
        let mut words = HashMap::new();
        for definition in tree.root().descendants().filter(|element| element.name() == "Definition") {
            if let (Some(code), Some(meaning)) = (definition.child("name"), definition.child("description")) {
                words.entry(code.text().into_owned()).or_insert_with(|| meaning.text().into_owned());
            }
        }
        (tree.root().name() == "Dictionary").then_some(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::MemoryFiles;

    #[test]
    fn codes_have_words_where_their_list_is_there() {
        let list = "<gml:Dictionary><gml:dictionaryEntry><gml:Definition><gml:description>house</gml:description>\
                    <gml:name>401</gml:name></gml:Definition></gml:dictionaryEntry></gml:Dictionary>";
        let named = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        let files = MemoryFiles::new("c", [named("codelists/a.xml", list), named("codelists/b.xml", "<other/>")]);
        let lists = CodeLists::new(&files);
        let meaning = |space: &str, code: &str| lists.meaning("udx/bldg/x.gml", space, code);
        assert_eq!(meaning("../../codelists/a.xml", "401"), Meaning::Words("house".to_owned()));
        assert_eq!(meaning("../../codelists/a.xml", "402"), Meaning::Unknown);
        assert_eq!(meaning("../lists/A.xml", "401"), Meaning::Words("house".to_owned()));
        assert_eq!(meaning("../../codelists/b.xml", "1"), Meaning::Missing("codelists/b.xml".to_owned()));
        assert_eq!(meaning("../../codelists/b.xml", "1"), Meaning::Unknown);
        for elsewhere in ["http://example.org/a.xml", "/codelists/a.xml", "../../../../../../a.xml", "list"] {
            assert_eq!(meaning(elsewhere, "401"), Meaning::Unknown);
        }
    }
}
