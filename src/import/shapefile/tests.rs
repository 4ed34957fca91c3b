use glam::DVec3;

use super::dbf::Table;
use super::shapes::shape;
use crate::city::Value;
use crate::import::MemoryFiles;

/// A table of these columns (name, type, length, decimals) and rows.
fn table(driver: u8, columns: &[(&[u8], u8, u8, u8)], rows: &[&[u8]]) -> Vec<u8> {
    let row: usize = 1 + columns.iter().map(|(.., length, _)| usize::from(*length)).sum::<usize>();
    let header = 33 + 32 * columns.len();
    let mut bytes = vec![0; 32];
    bytes[0] = 3;
    bytes[4..8].copy_from_slice(&(rows.len() as u32).to_le_bytes());
    bytes[8..10].copy_from_slice(&(header as u16).to_le_bytes());
    bytes[10..12].copy_from_slice(&(row as u16).to_le_bytes());
    bytes[29] = driver;
    for (name, kind, length, decimals) in columns {
        let mut field = vec![0; 32];
        field[..name.len()].copy_from_slice(name);
        (field[11], field[16], field[17]) = (*kind, *length, *decimals);
        bytes.extend(field);
    }
    bytes.push(0x0d);
    rows.iter().for_each(|row| bytes.extend(*row));
    bytes
}

fn open(bytes: Vec<u8>, cpg: Option<&str>) -> (Table, MemoryFiles) {
    let files = MemoryFiles::new("a.dbf", [("a.dbf".to_owned(), bytes)]);
    (Table::open(&files, "a.dbf", cpg).unwrap().0, files)
}

#[test]
fn every_type_of_column() {
    let mut row = b" abc  ".to_vec();
    row.extend(b"   42-12.5**");
    row.extend(b"T20040229");
    row.extend((-7_i32).to_le_bytes());
    row.extend(2.5_f64.to_le_bytes());
    row.extend(b"00000012");
    let columns: &[(&[u8], u8, u8, u8)] = &[
        (b"TEXT", b'C', 5, 0),
        (b"WHOLE", b'N', 5, 0),
        (b"REAL", b'F', 5, 1),
        (b"LONG", b'N', 2, 0),
        (b"TRUTH", b'L', 1, 0),
        (b"DAY", b'D', 8, 0),
        (b"INT", b'I', 4, 0),
        (b"DOUBLE", b'O', 8, 0),
        (b"MEMO", b'M', 8, 0),
    ];
    let deleted = [b"*".as_slice(), &row[1..]].concat();
    let (table, files) = open(table(0, columns, &[&row, &deleted]), None);
    let rows = table.rows(&files, 0..9).unwrap();
    assert_eq!((rows.len(), rows[0].deleted, rows[1].deleted), (2, false, true));
    let found: Vec<(&str, &Value)> = rows[0].attributes.iter().map(|(name, value)| (&**name, value)).collect();
    let expected = [
        ("TEXT", &Value::from("abc")),
        ("WHOLE", &Value::Int(42)),
        ("REAL", &Value::Float(-12.5)),
        ("TRUTH", &Value::Bool(true)),
        ("DAY", &Value::from("2004-02-29")),
        ("INT", &Value::Int(-7)),
        ("DOUBLE", &Value::Float(2.5)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn wide_names_and_texts() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let name = [&[0xff, 0xfe], wide("区").as_slice()].concat();
    let row = [b" ".as_slice(), &wide("北京  ")].concat();
    let (table, files) = open(table(0, &[(&name, b'C', 8, 0)], &[&row]), Some("UTF-16"));
    let rows = table.rows(&files, 0..1).unwrap();
    assert_eq!(rows[0].attributes, [("区".into(), Value::from("北京"))]);
}

#[test]
fn chinese_names_of_columns_and_no_rows() {
    let (gbk, ..) = encoding_rs::GBK.encode("名称");
    let (table, files) = open(table(0x4d, &[(&gbk, b'C', 4, 0)], &[b" \xb9\xfa\xb2\xfa"]), None);
    assert_eq!(table.rows(&files, 0..1).unwrap()[0].attributes, [("名称".into(), Value::from("国产"))]);
    assert!(table.rows(&files, 5..9).unwrap().is_empty());
}

/// The content of a record.
fn content(kind: u32, counts: &[u32], numbers: &[f64], after: &[f64]) -> Vec<u8> {
    let mut bytes = kind.to_le_bytes().to_vec();
    if !matches!(kind, 1 | 11 | 21) {
        bytes.extend([0; 32]);
    }
    bytes.extend(counts.iter().flat_map(|n| n.to_le_bytes()));
    bytes.extend(numbers.iter().chain(after).flat_map(|n| n.to_le_bytes()));
    bytes
}

#[test]
fn heights_measures_and_patches() {
    let no_data = -1e39;
    assert!(shape(&0_u32.to_le_bytes()).unwrap().is_empty());
    assert_eq!(shape(&content(11, &[], &[1.0, 2.0, 3.0, 9.0], &[])).unwrap().points, [DVec3::new(1.0, 2.0, 3.0)]);
    assert!(shape(&content(21, &[], &[1.0, 2.0, 9.0], &[])).unwrap().points[0].z.is_nan());
    assert!(shape(&content(11, &[], &[1.0, 2.0, no_data], &[])).unwrap().points[0].z.is_nan());
    let raised = shape(&content(18, &[2], &[1.0, 2.0, 3.0, 4.0], &[0.0, 9.0, 5.0, 6.0])).unwrap();
    assert_eq!(raised.points, [DVec3::new(1.0, 2.0, 5.0), DVec3::new(3.0, 4.0, 6.0)]);
    let line = [0.0, 0.0, 1.0, 0.0, 5.0, 5.0, 6.0, 5.0];
    let lines = shape(&content(13, &[2, 4, 0, 2], &line, &[0.0, 4.0, 1.0, 2.0, 3.0, 4.0])).unwrap().lines;
    assert_eq!((lines.len(), lines[1][1]), (2, DVec3::new(6.0, 5.0, 4.0)));
    assert_eq!(shape(&content(23, &[1, 4, 0], &line, &[])).unwrap().lines[0].len(), 4);
    // A strip of two triangles, and a ring with a hole.
    let square = [0.0, 0.0, 4.0, 0.0, 0.0, 4.0, 4.0, 4.0];
    let strip = shape(&content(31, &[1, 4, 0, 0], &square, &[0.0, 1.0, 1.0, 1.0, 1.0, 2.0])).unwrap();
    assert_eq!((strip.faces.len(), strip.faces[1][0][2].z), (2, 2.0));
    let fan = shape(&content(31, &[1, 4, 0, 1], &square, &[0.0, 1.0, 1.0, 1.0, 1.0, 2.0])).unwrap();
    assert_eq!(fan.faces[1][0][0], DVec3::new(0.0, 0.0, 1.0));
    let rings = [square.as_slice(), &[1.0, 1.0, 2.0, 1.0, 1.0, 2.0]].concat();
    let flat = [0.0; 9];
    let holed = shape(&content(31, &[2, 7, 0, 4, 2, 3], &rings, &flat)).unwrap();
    assert_eq!((holed.faces.len(), holed.faces[0].len()), (1, 2));
    for (kind, counts) in [(3, &[u32::MAX, 1][..]), (8, &[u32::MAX]), (5, &[1, 1, 7]), (9, &[]), (31, &[2, 1])] {
        assert!(shape(&content(kind, counts, &[0.0, 0.0], &[])).is_err(), "{kind}");
    }
}
