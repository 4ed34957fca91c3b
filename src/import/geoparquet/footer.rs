//! The footer of a Parquet file: its columns, its row groups, and what is said beside them.

use std::ops::Range;

use super::thrift::{Field, read};
use crate::import::{ImportError, SourceFiles};

/// How a file begins and ends.
pub(super) const MAGIC: &[u8] = b"PAR1";
/// Larger footers are those of no file that anybody has.
const LONGEST: u64 = 32 << 20;
/// Groups in groups.
const DEEPEST: usize = 32;

/// How values lie in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    Int32,
    Int64,
    Int96,
    Float,
    Double,
    Bytes,
    /// Of so many bytes.
    Fixed(usize),
}

/// What values mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// What the physical type says.
    Plain,
    Text,
    Unsigned,
    /// A whole number of ten to the minus this.
    Decimal(u32),
    /// Days since 1970.
    Date,
    /// Parts of a second since 1970: so many make one.
    Time(i64),
    /// Well-known binary.
    Geometry,
}

/// A column that holds values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf {
    /// From the outermost group on.
    pub path: Vec<String>,
    pub physical: Physical,
    pub meaning: Meaning,
    /// The level at which a value is there.
    pub definition: u16,
    /// How many lists it is in.
    pub repetition: u16,
    /// The level at which the innermost of these has an element, there or not.
    pub element: u16,
    /// The CRS that the type itself says (Parquet's own GEOMETRY).
    pub crs: Option<String>,
}

/// Where the pages of a column of one row group lie.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chunk {
    pub bytes: Range<u64>,
    pub codec: i64,
}

/// Rows that lie together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RowGroup {
    pub rows: u64,
    /// As many as there are leaves.
    pub chunks: Vec<Chunk>,
}

/// A file without its pages.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Footer {
    pub leaves: Vec<Leaf>,
    pub groups: Vec<RowGroup>,
    pub pairs: Vec<(String, String)>,
}

impl Footer {
    /// The words under a key.
    pub fn said(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(own, _)| own == key).map(|(_, words)| words.as_str())
    }
}

/// Bytes of the footer; an error where there is none.
pub(super) fn bytes(files: &dyn SourceFiles, name: &str) -> Result<Result<Vec<u8>, String>, ImportError> {
    let size = files.size(name)?;
    let end = files.read_range(name, size.saturating_sub(8)..size)?;
    let [a, b, c, d, magic @ ..] = end.as_slice() else { return Ok(Err("it has fewer than 8 bytes".to_owned())) };
    if magic == b"PARE" {
        return Ok(Err("it is encrypted".to_owned()));
    }
    let length = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
    if magic != MAGIC || length > LONGEST || length + 12 > size {
        return Ok(Err("it does not end as Parquet does".to_owned()));
    }
    files.read_range(name, size - 8 - length..size - 8).map(Ok)
}

/// Reads a footer of a file of so many bytes.
pub(super) fn parse(bytes: &[u8], size: u64) -> Result<Footer, String> {
    let (file, _) = read(bytes).ok_or("its footer is damaged")?;
    let mut leaves = Vec::new();
    let mut elements = file.list(2).iter();
    let root = elements.next().ok_or("its footer has no columns")?;
    for _ in 0..root.int(5).unwrap_or_default() {
        leaf(&mut elements, &mut Vec::new(), Levels::default(), &mut leaves)?;
    }
    let groups: Vec<RowGroup> =
        file.list(4).iter().map(|group| row_group(group, leaves.len(), size)).collect::<Result<_, _>>()?;
    let rows = groups.iter().try_fold(0_u64, |all, group| all.checked_add(group.rows));
    if rows.is_none() || rows != file.int(3).and_then(|rows| u64::try_from(rows).ok()) {
        return Err("its row groups have not the rows that the file counts".to_owned());
    }
    let pair = |field: &Field<'_>| Some((field.text(1)?.to_owned(), field.text(2)?.to_owned()));
    Ok(Footer { leaves, groups, pairs: file.list(5).iter().filter_map(pair).collect() })
}

#[derive(Debug, Clone, Copy, Default)]
struct Levels {
    definition: u16,
    repetition: u16,
    element: u16,
}

/// The leaves of the next element and of what is in it.
fn leaf<'a, 'b: 'a>(
    elements: &mut impl Iterator<Item = &'a Field<'b>>,
    path: &mut Vec<String>,
    mut levels: Levels,
    leaves: &mut Vec<Leaf>,
) -> Result<(), String> {
    let element = elements.next().ok_or("its columns end too early")?;
    if path.len() > DEEPEST {
        return Err(format!("its columns are nested deeper than {DEEPEST}"));
    }
    path.push(element.text(4).unwrap_or_default().to_owned());
    let repetition = element.int(3).unwrap_or_default();
    levels.definition += u16::from(repetition != 0);
    if repetition == 2 {
        levels.repetition += 1;
        levels.element = levels.definition;
    }
    match element.int(5) {
        Some(children @ 1..) => {
            for _ in 0..children {
                leaf(&mut *elements, path, levels, leaves)?;
            }
        }
        _ => {
            let physical = physical(element).ok_or_else(|| format!("the column {} has no type", path.join(".")))?;
            let crs = element.field(10).and_then(|kind| kind.field(17).or(kind.field(18))).map(|kind| kind.text(1));
            leaves.push(Leaf {
                path: path.clone(),
                physical,
                meaning: meaning(element),
                definition: levels.definition,
                repetition: levels.repetition,
                element: levels.element,
                crs: crs.map(|crs| crs.unwrap_or("OGC:CRS84").to_owned()),
            });
        }
    }
    path.pop();
    Ok(())
}

fn physical(element: &Field<'_>) -> Option<Physical> {
    Some(match element.int(1)? {
        0 => Physical::Boolean,
        1 => Physical::Int32,
        2 => Physical::Int64,
        3 => Physical::Int96,
        4 => Physical::Float,
        5 => Physical::Double,
        6 => Physical::Bytes,
        7 => Physical::Fixed(usize::try_from(element.int(2)?).ok().filter(|length| (1..=1 << 20).contains(length))?),
        _ => return None,
    })
}

/// By the logical type, else by the converted one that came before it.
fn meaning(element: &Field<'_>) -> Meaning {
    let logical = element.field(10);
    let is = |id: i16| logical.is_some_and(|kind| kind.field(id).is_some());
    if is(17) || is(18) {
        return Meaning::Geometry;
    }
    let unit = logical.and_then(|kind| kind.field(8)).and_then(|time| time.field(2));
    if let Some(unit) = unit {
        let parts = [(1, 1_000), (2, 1_000_000), (3, 1_000_000_000)];
        return parts
            .iter()
            .find(|(id, _)| unit.field(*id).is_some())
            .map_or(Meaning::Plain, |(_, n)| Meaning::Time(*n));
    }
    let scale = element.int(7).and_then(|scale| u32::try_from(scale).ok()).unwrap_or_default().min(38);
    match element.int(6) {
        Some(0 | 4 | 19) => Meaning::Text,
        Some(5) => Meaning::Decimal(scale),
        Some(6) => Meaning::Date,
        Some(9) => Meaning::Time(1_000),
        Some(10) => Meaning::Time(1_000_000),
        Some(11..=14) => Meaning::Unsigned,
        _ if is(1) || is(4) || is(12) => Meaning::Text,
        _ if is(5) => Meaning::Decimal(scale),
        _ if is(6) => Meaning::Date,
        _ => Meaning::Plain,
    }
}

fn row_group(group: &Field<'_>, leaves: usize, size: u64) -> Result<RowGroup, String> {
    let rows = group.int(3).and_then(|rows| u64::try_from(rows).ok()).ok_or("a row group has no count of rows")?;
    let chunks: Vec<Chunk> = group.list(1).iter().map(|chunk| column_chunk(chunk, size)).collect::<Result<_, _>>()?;
    if chunks.len() != leaves {
        return Err(format!("a row group has {} columns of {leaves}", chunks.len()));
    }
    Ok(RowGroup { rows, chunks })
}

fn column_chunk(chunk: &Field<'_>, size: u64) -> Result<Chunk, String> {
    if chunk.text(1).is_some() {
        return Err("its columns lie in other files".to_owned());
    }
    let about = chunk.field(3).ok_or("a column has no description")?;
    let place = |id: i16| about.int(id).and_then(|place| u64::try_from(place).ok());
    let data = place(9).ok_or("a column has no place")?;
    // Some writers give 0 where there is no dictionary.
    let start = place(11).filter(|dictionary| *dictionary > 0 && *dictionary < data).unwrap_or(data);
    let end = start.checked_add(place(7).unwrap_or_default()).filter(|end| *end <= size);
    let end = end.ok_or("a column reaches beyond the file")?;
    Ok(Chunk { bytes: start..end, codec: about.int(4).unwrap_or_default() })
}
