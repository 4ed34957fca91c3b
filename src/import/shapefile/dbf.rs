//! dBASE tables: the attributes of a shapefile's records.

use std::ops::Range;
use std::sync::Arc;

use super::encoding::{self, Encoding};
use crate::city::Value;
use crate::import::{ImportError, SourceFiles};

/// Rows that tell the encoding of texts.
const SAMPLE_BYTES: u64 = 1 << 20;

/// A column.
#[derive(Debug, Clone, PartialEq)]
struct Column {
    name: Arc<str>,
    kind: u8,
    at: usize,
    length: usize,
    decimals: u8,
}

/// A table, of which rows are read where they are asked for.
#[derive(Debug)]
pub(super) struct Table {
    name: String,
    columns: Vec<Column>,
    header: u64,
    row: u64,
    rows: usize,
    encoding: Encoding,
}

/// One row.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Row {
    pub attributes: Vec<(Arc<str>, Value)>,
    pub deleted: bool,
}

impl Table {
    /// Reads the head of a table, and finds out its encoding by what the `.cpg` says, the table, and the texts themselves. With
    /// the table come doubts about that.
    pub fn open(files: &dyn SourceFiles, name: &str, cpg: Option<&str>) -> Result<(Self, Vec<String>), String> {
        let read = |range: Range<u64>| files.read_range(name, range).map_err(|error| error.to_string());
        let size = files.size(name).map_err(|error| error.to_string())?;
        let head = read(0..32)?;
        let u16_at = |at: usize| head.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes);
        let u32_at = |at: usize| head.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        let (header, row) = (u64::from(u16_at(8)), u64::from(u16_at(10)));
        if head.len() < 32 || header < 33 || row == 0 || header > size {
            return Err("the .dbf has no header of a dBASE table".to_owned());
        }
        // The count in the header is often that of before the last edit.
        let rows = ((size - header) / row).min(u64::from(u32_at(4))) as usize;
        let fields = read(32..header)?;
        let sample = read(header..(header + SAMPLE_BYTES.min(row * rows as u64)))?;
        let plain = columns(&fields, row as usize, Encoding::default());
        let texts = sample.chunks_exact(row as usize).flat_map(|row| {
            plain
                .iter()
                .filter(|column| column.kind == b'C')
                .filter_map(|column| row.get(column.at..column.at + column.length))
        });
        let (encoding, doubts) = encoding::find(cpg, head.get(29).copied().unwrap_or_default(), texts);
        let columns = columns(&fields, row as usize, encoding);
        if columns.is_empty() {
            return Err("the .dbf has no columns".to_owned());
        }
        Ok((Self { name: name.to_owned(), columns, header, row, rows, encoding }, doubts))
    }

    pub fn row_count(&self) -> usize {
        self.rows
    }

    /// Rows by number; fewer where the table ends.
    pub fn rows(&self, files: &dyn SourceFiles, numbers: Range<usize>) -> Result<Vec<Row>, ImportError> {
        let at = |number: usize| self.header + self.row * number.min(self.rows) as u64;
        let bytes = files.read_range(&self.name, at(numbers.start)..at(numbers.end))?;
        Ok(bytes.chunks_exact(self.row as usize).map(|row| self.read(row)).collect())
    }

    fn read(&self, row: &[u8]) -> Row {
        let attributes = self.columns.iter().filter_map(|column| {
            let bytes = row.get(column.at..column.at + column.length)?;
            let value = value(column, bytes, self.encoding);
            (!value.is_null()).then(|| (Arc::clone(&column.name), value))
        });
        Row { deleted: row.first() == Some(&b'*'), attributes: attributes.collect() }
    }
}

/// Descriptions of 32 bytes, up to a carriage return.
fn columns(fields: &[u8], row: usize, encoding: Encoding) -> Vec<Column> {
    let mut found: Vec<Column> = Vec::new();
    // The first byte of a row says whether it is deleted.
    let mut at = 1;
    for field in fields.chunks_exact(32).take_while(|field| field.first() != Some(&0x0d)) {
        let (raw, kind, length, decimals) = (&field[..11], field[11], usize::from(field[16]), field[17]);
        let length = if kind == b'C' { length + 256 * usize::from(decimals) } else { length };
        if at + length > row {
            break;
        }
        let mut name = encoding.name(raw);
        while name.is_empty() || found.iter().any(|column| *column.name == *name) {
            name.push('_');
        }
        found.push(Column { name: name.into(), kind, at, length, decimals });
        at += length;
    }
    found
}

fn value(column: &Column, bytes: &[u8], encoding: Encoding) -> Value {
    let text = || String::from_utf8_lossy(bytes).trim_matches([' ', '\0']).to_owned();
    match (column.kind, bytes) {
        (b'N' | b'F', _) => number(&text(), column.decimals),
        (b'L', [truth, ..]) => match truth {
            b'T' | b't' | b'Y' | b'y' => Value::Bool(true),
            b'F' | b'f' | b'N' | b'n' => Value::Bool(false),
            _ => Value::Null,
        },
        (b'D', _) => date(&text()),
        (b'I' | b'+', &[a, b, c, d]) => Value::Int(i64::from(i32::from_le_bytes([a, b, c, d]))),
        (b'O' | b'B', bytes) if bytes.len() == 8 => {
            bytes.try_into().map(f64::from_le_bytes).map_or(Value::Null, Value::from)
        }
        // Memos lie in a file of their own; what stands here is their number there.
        (b'M' | b'G' | b'P', _) => Value::Null,
        _ => match encoding.text(bytes) {
            text if text.is_empty() => Value::Null,
            text => Value::Text(text),
        },
    }
}

fn number(text: &str, decimals: u8) -> Value {
    let whole = if decimals == 0 { text.parse::<i64>().ok() } else { None };
    match whole {
        Some(whole) => Value::Int(whole),
        // Stars stand for a number that is too long.
        None => text.parse::<f64>().map_or(Value::Null, Value::from),
    }
}

/// `20040131` as `2004-01-31`.
fn date(text: &str) -> Value {
    match (text.get(..4), text.get(4..6), text.get(6..)) {
        (Some(year), Some(month), Some(day)) if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) => {
            if text == "00000000" { Value::Null } else { Value::Text(format!("{year}-{month}-{day}")) }
        }
        _ if text.is_empty() => Value::Null,
        _ => Value::Text(text.to_owned()),
    }
}
