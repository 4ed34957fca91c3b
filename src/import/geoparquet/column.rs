//! A column of a row group, read page by page as its rows are asked for.

use super::encodings::{
    LARGEST_PAGE, Scalar, Values, delta_bytes, delta_lengths, deltas, hybrid, plain, split, unpacked,
};
use super::footer::{Chunk, Leaf, Physical};
use super::thrift::{Field, read};
use crate::import::SourceFiles;

/// Bytes in which a page's header is looked for, and at most.
const HEADER_BYTES: [u64; 2] = [4096, 4 << 20];
/// Values of a page; writers end a page at a megabyte.
const MOST_VALUES: usize = 8 << 20;

/// A value where it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Datum<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Bytes(&'a [u8]),
}

/// An entry of a row: at which list it goes on, how much of it is there, and its value if that is all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry<'a> {
    pub repetition: u16,
    pub definition: u16,
    pub value: Option<Datum<'a>>,
}

type Result<T> = std::result::Result<T, String>;

/// Levels and values of one page, and how far they are read.
#[derive(Default)]
struct Page {
    repetitions: Vec<u32>,
    definitions: Vec<u32>,
    values: Values,
    /// Whether bytes of values lie in the dictionary.
    in_dictionary: bool,
    count: usize,
    at: usize,
    value: usize,
}

/// Reads one column.
pub(super) struct ColumnReader<'a> {
    files: &'a dyn SourceFiles,
    name: &'a str,
    leaf: &'a Leaf,
    codec: i64,
    at: u64,
    end: u64,
    dictionary: Values,
    page: Page,
}

impl<'a> ColumnReader<'a> {
    pub fn new(files: &'a dyn SourceFiles, name: &'a str, leaf: &'a Leaf, chunk: &Chunk) -> Self {
        let (at, end, codec) = (chunk.bytes.start, chunk.bytes.end, chunk.codec);
        Self { files, name, leaf, codec, at, end, dictionary: Values::default(), page: Page::default() }
    }

    /// Shows the entries of the next rows, each with the number of its row among them. An error where there are fewer rows.
    pub fn rows(&mut self, count: usize, show: &mut dyn FnMut(usize, Entry<'_>)) -> Result<()> {
        let mut row = 0;
        let mut begun = false;
        loop {
            if self.page.at == self.page.count {
                // A row of a list may go on in the next page.
                if begun && row + 1 == count && (self.leaf.repetition == 0 || self.at >= self.end) {
                    return Ok(());
                }
                self.next_page()?;
                continue;
            }
            let repetition = self.page.repetitions.get(self.page.at).copied().unwrap_or_default() as u16;
            if repetition == 0 {
                if begun && row + 1 == count {
                    return Ok(());
                }
                row += usize::from(begun);
                begun = true;
            } else if !begun {
                return Err("its first row begins within a list".to_owned());
            }
            let entry = self.entry(repetition)?;
            show(row, entry);
        }
    }

    /// The entry that is read next.
    fn entry(&mut self, repetition: u16) -> Result<Entry<'_>> {
        let page = &mut self.page;
        let full = u32::from(self.leaf.definition);
        let definition = page.definitions.get(page.at).copied().unwrap_or(full);
        page.at += 1;
        if definition != full {
            return Ok(Entry { repetition, definition: definition as u16, value: None });
        }
        let scalar = page.values.scalars.get(page.value).copied().ok_or("a page has fewer values than it counts")?;
        page.value += 1;
        let data = if page.in_dictionary { &self.dictionary.data } else { &page.values.data };
        let value = match scalar {
            Scalar::Bool(truth) => Datum::Bool(truth),
            Scalar::Int(number) => Datum::Int(number),
            Scalar::Float(number) => Datum::Float(number),
            Scalar::Bytes(from, to) => Datum::Bytes(data.get(from as usize..to as usize).unwrap_or_default()),
        };
        Ok(Entry { repetition, definition: definition as u16, value: Some(value) })
    }

    fn read(&self, from: u64, to: u64) -> Result<Vec<u8>> {
        self.files.read_range(self.name, from..to.min(self.end)).map_err(|error| error.to_string())
    }

    fn next_page(&mut self) -> Result<()> {
        if self.at >= self.end {
            return Err("it has fewer rows than its row group counts".to_owned());
        }
        for bytes in HEADER_BYTES {
            let head = self.read(self.at, self.at.saturating_add(bytes))?;
            let Some((header, length)) = read(&head) else { continue };
            let size =
                |id: i16| header.int(id).and_then(|size| usize::try_from(size).ok()).filter(|s| *s <= LARGEST_PAGE);
            let (whole, packed) = (size(2).ok_or("a page has no size")?, size(3).ok_or("a page has no size")?);
            let start = self.at + length as u64;
            let body = self.read(start, start + packed as u64)?;
            if body.len() != packed {
                return Err("a page reaches beyond its column".to_owned());
            }
            self.at = start + packed as u64;
            return match header.int(1) {
                Some(0) => self.data_page(header.field(5).ok_or("a page without header")?, &body, whole),
                Some(2) => self.dictionary_page(header.field(7).ok_or("a page without header")?, &body, whole),
                Some(3) => self.second_page(header.field(8).ok_or("a page without header")?, &body, whole),
                // Index pages say nothing about values.
                _ => Ok(()),
            };
        }
        Err("a page has no header".to_owned())
    }

    fn dictionary_page(&mut self, header: &Field<'_>, body: &[u8], whole: usize) -> Result<()> {
        let bytes = unpacked(self.codec, body, whole)?;
        self.dictionary = plain(bytes, self.leaf.physical, count(header)?)?;
        Ok(())
    }

    /// A page of the first version: levels with their lengths, all packed together.
    fn data_page(&mut self, header: &Field<'_>, body: &[u8], whole: usize) -> Result<()> {
        let bytes = unpacked(self.codec, body, whole)?;
        let count = count(header)?;
        let mut rest = bytes.as_slice();
        let mut levels = |most: u16| -> Result<Vec<u32>> {
            if most == 0 {
                return Ok(Vec::new());
            }
            let (length, after) = rest.split_first_chunk().ok_or("a page ends within its levels")?;
            let (levels, after) =
                after.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or("a page ends within its levels")?;
            rest = after;
            hybrid(levels, width(most), count)
        };
        let (repetitions, definitions) = (levels(self.leaf.repetition)?, levels(self.leaf.definition)?);
        self.fill(repetitions, definitions, count, header.int(2).unwrap_or_default(), rest.to_vec())
    }

    /// A page of the second version: levels apart and never packed.
    fn second_page(&mut self, header: &Field<'_>, body: &[u8], whole: usize) -> Result<()> {
        let count = count(header)?;
        let length = |id: i16| header.int(id).and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        let (of_definitions, of_repetitions) = (length(5), length(6));
        let levels = of_definitions.saturating_add(of_repetitions);
        let short = || "a page ends within its levels".to_owned();
        let repetitions = body.get(..of_repetitions).ok_or_else(short)?;
        let definitions = body.get(of_repetitions..levels).ok_or_else(short)?;
        let packed = body.get(levels..).unwrap_or_default();
        let read = |bytes: &[u8], most: u16| if most == 0 { Ok(Vec::new()) } else { hybrid(bytes, width(most), count) };
        let (repetitions, definitions) =
            (read(repetitions, self.leaf.repetition)?, read(definitions, self.leaf.definition)?);
        let is_packed = header.bool(7).unwrap_or(true);
        let size = whole.checked_sub(levels).ok_or_else(short)?;
        let bytes = if is_packed && size > 0 { unpacked(self.codec, packed, size)? } else { packed.to_vec() };
        self.fill(repetitions, definitions, count, header.int(4).unwrap_or_default(), bytes)
    }

    fn fill(
        &mut self,
        repetitions: Vec<u32>,
        definitions: Vec<u32>,
        count: usize,
        encoding: i64,
        bytes: Vec<u8>,
    ) -> Result<()> {
        let full = u32::from(self.leaf.definition);
        let present = if full == 0 { count } else { definitions.iter().filter(|level| **level == full).count() };
        let physical = self.leaf.physical;
        let in_dictionary = matches!(encoding, 2 | 8);
        let values = match encoding {
            _ if present == 0 => Values::default(),
            0 => plain(bytes, physical, present)?,
            2 | 8 => self.looked_up(&bytes, present)?,
            3 if physical == Physical::Boolean => {
                let bytes = bytes.get(4..).ok_or("values end too early")?;
                let truths = hybrid(bytes, 1, present)?.into_iter().map(|bit| Scalar::Bool(bit == 1));
                Values { scalars: truths.collect(), data: Vec::new() }
            }
            5 if matches!(physical, Physical::Int32 | Physical::Int64) => {
                // Differences of 32 bits wrap around.
                let narrow = |number: i64| if physical == Physical::Int32 { i64::from(number as i32) } else { number };
                let numbers = deltas(&bytes, present)?.0.into_iter().map(|number| Scalar::Int(narrow(number)));
                Values { scalars: numbers.collect(), data: Vec::new() }
            }
            6 => delta_lengths(&bytes, present)?,
            7 => delta_bytes(&bytes, present)?,
            9 => split(&bytes, physical, present)?,
            other => return Err(format!("encoding {other} is not read")),
        };
        self.page = Page { repetitions, definitions, values, in_dictionary, count, at: 0, value: 0 };
        Ok(())
    }

    /// Values by their numbers in the dictionary.
    fn looked_up(&self, bytes: &[u8], count: usize) -> Result<Values> {
        let (width, numbers) = bytes.split_first().ok_or("values end too early")?;
        let known = &self.dictionary.scalars;
        let scalar = |number: u32| known.get(number as usize).copied().ok_or("a value is not in the dictionary");
        let scalars = hybrid(numbers, u32::from(*width), count)?.into_iter().map(scalar);
        Ok(Values { scalars: scalars.collect::<std::result::Result<_, _>>()?, data: Vec::new() })
    }
}

fn count(header: &Field<'_>) -> Result<usize> {
    let count = header.int(1).and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= MOST_VALUES);
    count.ok_or_else(|| "a page does not count its values, or more than there can be".to_owned())
}

/// Bits of levels up to this one.
fn width(most: u16) -> u32 {
    u16::BITS - most.leading_zeros()
}
