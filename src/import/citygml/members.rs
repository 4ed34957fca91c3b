//! The members of a file: what lies right inside its root, one after the other, with a bounded part of the file in memory.
//!
//! A window of text slides over the file. What is whole in it goes out as a [`Batch`]; what is cut by its end stays until
//! more is read. A member is cut out by its own end tag, so that tags that do not match inside it spoil only that member.

use std::ops::Range;

use memchr::memchr_iter;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::stream::Stream;
use super::tree::Spaces;
use crate::import::ImportError;

/// Text read at one time.
const WINDOW_BYTES: usize = 8 << 20;
/// A member larger than this is not kept in memory.
const MAX_MEMBER_BYTES: usize = 1 << 30;
/// Properties that hold many members instead of one (GML 3.1, clause 9.9).
const LISTS: &[&str] = &["featureMembers", "cityObjectMembers", "members"];

/// The root of a file: its name without prefix, and its prefixes.
#[derive(Debug, Clone, Default)]
pub(super) struct Root {
    pub(super) name: String,
    pub(super) spaces: Spaces,
}

/// Some members.
pub(super) struct Batch<'w> {
    text: &'w [u8],
    found: &'w [Found],
    /// Number of the first of them in the file.
    first: usize,
}

/// Where a member is.
struct Found {
    /// Name without prefix.
    name: String,
    /// Its place in the window.
    range: Range<usize>,
    /// The line that it begins in.
    line: u64,
}

/// One member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'w> {
    /// Name without prefix.
    pub(super) name: &'w str,
    /// From its start tag to its end tag.
    pub(super) text: &'w [u8],
    /// Number in the file, from 0.
    pub(super) number: usize,
    line: u64,
}

/// Why a file cannot be read further.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Broken {
    pub(super) message: String,
    pub(super) line: u64,
}

/// Reads the members of a file.
pub(super) struct Members<'f> {
    stream: Stream<'f>,
    window: Vec<u8>,
    /// Text read at one time.
    size: usize,
    /// Where in the window the part begins that is not handed out yet.
    start: usize,
    ended: bool,
    /// Line of the window's first byte, from 1.
    line: u64,
    /// Bytes of text before the window.
    passed: u64,
    number: usize,
    found: Vec<Found>,
    /// How many lists of members are open.
    lists: usize,
    closed: bool,
    /// What ended the file before its root did.
    pub(super) broken: Option<Broken>,
}

impl<'w> Batch<'w> {
    pub(super) fn members(&self) -> Vec<Member<'w>> {
        let member = |(number, found): (usize, &'w Found)| Member {
            name: &found.name,
            text: self.text.get(found.range.clone()).unwrap_or_default(),
            number: self.first + number,
            line: found.line,
        };
        self.found.iter().enumerate().map(member).collect()
    }
}

impl Member<'_> {
    /// The line of one of its bytes.
    pub(super) fn line_of(&self, at: usize) -> u64 {
        self.line + lines(self.text.get(..at).unwrap_or(self.text))
    }

    /// Whether it is an `appearanceMember`.
    pub(super) fn holds_looks(&self) -> bool {
        self.name.contains("ppearance")
    }
}

fn lines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

fn local(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.rsplit(':').next().unwrap_or_default().to_owned()
}

/// What was found at the beginning of the rest of the window.
enum Step {
    Member(String, usize),
    /// The start tag of a list of members.
    List,
    Root(Root),
    Skip,
    End,
}

impl<'f> Members<'f> {
    pub(super) fn new(stream: Stream<'f>) -> Self {
        Self::with_window(stream, WINDOW_BYTES)
    }

    /// With so many bytes of text at one time.
    pub(super) fn with_window(stream: Stream<'f>, size: usize) -> Self {
        Self {
            stream,
            window: Vec::new(),
            size,
            start: 0,
            ended: false,
            line: 1,
            passed: 0,
            number: 0,
            found: Vec::new(),
            lists: 0,
            closed: false,
            broken: None,
        }
    }

    /// The root. `None` (and the reason in `broken`) where there is none.
    pub(super) fn root(&mut self) -> Result<Option<Root>, ImportError> {
        self.fill()?;
        let mut used = self.start;
        let mut reader = reader(self.window.get(self.start..).unwrap_or_default());
        let found = loop {
            match step(&mut reader, true) {
                Ok(Step::Root(root)) => break Ok(root),
                Ok(Step::Skip) => used = self.start + reader.buffer_position() as usize,
                Ok(Step::Member(..) | Step::List | Step::End) => break Err("it has no root element".to_owned()),
                Err(message) => break Err(message),
            }
        };
        match found {
            Ok(root) => {
                self.start += reader.buffer_position() as usize;
                Ok(Some(root))
            }
            Err(message) => {
                let line = self.line + lines(self.window.get(..used).unwrap_or_default());
                self.broken = Some(Broken { message, line });
                self.closed = true;
                Ok(None)
            }
        }
    }

    /// Bytes of text gone through so far.
    pub(super) fn position(&self) -> u64 {
        self.passed + self.start as u64
    }

    /// The next members: those that are whole in the window. `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Batch<'_>>, ImportError> {
        self.forget();
        while !self.closed {
            let wanted = self.scan();
            if !self.found.is_empty() {
                break;
            }
            match wanted {
                None => {}
                Some(message) if self.ended => {
                    let line = self.line + lines(self.window.get(..self.start).unwrap_or_default());
                    self.broken = Some(Broken { message, line });
                    self.closed = true;
                }
                Some(_) if self.window.len() - self.start > MAX_MEMBER_BYTES => {
                    let message = format!("a member is larger than {} MiB", MAX_MEMBER_BYTES >> 20);
                    self.broken = Some(Broken { message, line: self.line });
                    self.closed = true;
                }
                Some(_) => {
                    self.forget();
                    self.fill()?;
                }
            }
        }
        if self.found.is_empty() {
            return Ok(None);
        }
        let first = self.number;
        self.number += self.found.len();
        Ok(Some(Batch { text: &self.window, found: &self.found, first }))
    }

    /// Drops the text that was handed out.
    fn forget(&mut self) {
        self.found.clear();
        self.line += lines(self.window.get(..self.start).unwrap_or_default());
        self.window.drain(..self.start);
        self.passed += self.start as u64;
        self.start = 0;
    }

    /// Reads more: at least as much as there is, so that the window doubles for a member that does not fit.
    fn fill(&mut self) -> Result<(), ImportError> {
        let count = self.window.len().max(self.size);
        self.window.reserve_exact(count);
        self.ended = self.stream.read(count, &mut self.window)? < count;
        Ok(())
    }

    /// Finds what is whole in the window. What ended it, where that was not the end of the root.
    fn scan(&mut self) -> Option<String> {
        let base = self.start;
        let mut reader = reader(self.window.get(base..).unwrap_or_default());
        let (mut counted, mut line) = (0, self.line);
        loop {
            match step(&mut reader, false) {
                // Its members are those of the file.
                Ok(Step::List) => self.lists += 1,
                Ok(Step::Member(name, at)) => {
                    let range = base + at..base + reader.buffer_position() as usize;
                    line += lines(self.window.get(counted..range.start).unwrap_or_default());
                    counted = range.start;
                    self.found.push(Found { name, range, line });
                }
                Ok(Step::End) if self.lists > 0 => self.lists -= 1,
                Ok(Step::End) => {
                    self.closed = true;
                    return None;
                }
                Ok(Step::Root(_) | Step::Skip) => {}
                Err(message) => return Some(message),
            }
            self.start = base + reader.buffer_position() as usize;
        }
    }
}

fn reader(text: &[u8]) -> Reader<&[u8]> {
    let mut reader = Reader::from_reader(text);
    let config = reader.config_mut();
    (config.check_end_names, config.allow_unmatched_ends, config.allow_dangling_amp) = (false, true, true);
    reader
}

/// The next thing in the window; an error where the window ends before it does, or where it is no XML.
fn step(reader: &mut Reader<&[u8]>, before_root: bool) -> Result<Step, String> {
    let at = reader.buffer_position() as usize;
    match reader.read_event().map_err(|error| error.to_string())? {
        Event::Start(tag) if before_root => {
            let mut root = Root { name: local(tag.name().as_ref()), spaces: Spaces::default() };
            root.spaces.declare(&String::from_utf8_lossy(&tag));
            Ok(Step::Root(root))
        }
        Event::Start(tag) => {
            let name = local(tag.name().as_ref());
            if LISTS.contains(&name.as_str()) {
                return Ok(Step::List);
            }
            reader.read_to_end(tag.name()).map_err(|error| error.to_string())?;
            Ok(Step::Member(name, at))
        }
        Event::End(_) => Ok(Step::End),
        Event::DocType(_) => Err("a document type declaration is not allowed".to_owned()),
        Event::Text(text) if before_root && !text.iter().all(u8::is_ascii_whitespace) => {
            Err("it does not begin with an element".to_owned())
        }
        Event::Eof => Err("it ends before its root element does".to_owned()),
        _ => Ok(Step::Skip),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::MemoryFiles;

    /// Names and texts of the members, and what ended the file too early.
    fn read(text: &str) -> (Vec<String>, Option<Broken>) {
        let files = MemoryFiles::new("a.gml", [("a.gml".to_owned(), text.as_bytes().to_vec())]);
        let mut members = Members::new(Stream::open(&files, "a.gml"));
        let mut found = Vec::new();
        if members.root().unwrap().is_some() {
            while let Some(batch) = members.next().unwrap() {
                for member in batch.members() {
                    let text = String::from_utf8_lossy(member.text).into_owned();
                    found.push(format!("{} {} {text} {}", member.number, member.name, member.line_of(0)));
                }
            }
        }
        (found, members.broken)
    }

    #[test]
    fn members_are_cut_out_whatever_is_in_them() {
        let text = "<?xml version='1.0'?>\n<!-- <a> --><c:CityModel xmlns:c='u'>\n<name>x > y</name>\n\
                    <m a='</m>'><m/><![CDATA[</m>]]><!-- </m> --></m><gml:featureMembers><b><x></y></b></gml:featureMembers><e/></c:CityModel>";
        let (found, broken) = read(text);
        let expected = [
            "0 name <name>x > y</name> 3",
            "1 m <m a='</m>'><m/><![CDATA[</m>]]><!-- </m> --></m> 4",
            "2 b <b><x></y></b> 4",
        ];
        assert_eq!((found.as_slice(), broken), (expected.map(str::to_owned).as_slice(), None));
    }

    #[test]
    fn a_cut_file_keeps_what_was_whole() {
        let text = "<r><a>1</a>\n<b>2</b>\n</r>";
        for end in 0..text.len() {
            let (found, broken) = read(&text[..end]);
            assert_eq!(found.len(), usize::from(end >= 11) + usize::from(end >= 20), "{end}");
            assert!(broken.is_some() || end == text.len(), "{end}");
        }
        assert_eq!(read("not XML at all").1.map(|broken| broken.line), Some(1));
        assert_eq!(read(&"<r><members>".repeat(100_000)).0.len(), 0);
    }
}
