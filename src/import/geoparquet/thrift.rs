//! Thrift's compact protocol, in which Parquet writes its footer and page headers: bytes to a tree of numbered fields.

/// Structs in lists in structs; Parquet's metadata has seven levels.
const DEEPEST: usize = 16;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field<'a> {
    Bool(bool),
    Int(i64),
    Double,
    Bytes(&'a [u8]),
    List(Vec<Field<'a>>),
    Struct(Vec<(i16, Field<'a>)>),
}

/// Reads one struct; with it how many bytes it has. `None` where the bytes are none.
pub(super) fn read(bytes: &[u8]) -> Option<(Field<'_>, usize)> {
    let mut reader = Reader { bytes, at: 0 };
    let found = reader.fields(0)?;
    Some((found, reader.at))
}

impl<'a> Field<'a> {
    /// A field of a struct.
    pub fn field(&self, id: i16) -> Option<&Self> {
        let Self::Struct(fields) = self else { return None };
        fields.iter().find(|(own, _)| *own == id).map(|(_, field)| field)
    }

    pub fn int(&self, id: i16) -> Option<i64> {
        if let Self::Int(number) = self.field(id)? { Some(*number) } else { None }
    }

    pub fn bool(&self, id: i16) -> Option<bool> {
        if let Self::Bool(truth) = self.field(id)? { Some(*truth) } else { None }
    }

    pub fn text(&self, id: i16) -> Option<&'a str> {
        if let Self::Bytes(bytes) = self.field(id)? { std::str::from_utf8(bytes).ok() } else { None }
    }

    pub fn list(&self, id: i16) -> &[Self] {
        if let Some(Self::List(list)) = self.field(id) { list } else { &[] }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn int(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let found = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(found)
    }

    fn fields(&mut self, depth: usize) -> Option<Field<'a>> {
        let mut found = Vec::new();
        let mut id = 0_i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(Field::Struct(found));
            }
            id = match head >> 4 {
                0 => i16::try_from(self.int()?).ok()?,
                step => id.checked_add(i16::from(step))?,
            };
            let value = match head & 0x0f {
                1 => Field::Bool(true),
                2 => Field::Bool(false),
                kind => self.value(kind, depth)?,
            };
            found.push((id, value));
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<Field<'a>> {
        Some(match kind {
            // In lists truths are bytes of their own.
            1 | 2 => Field::Bool(self.byte()? == 1),
            3 => Field::Int(i64::from(self.byte()? as i8)),
            4..=6 => Field::Int(self.int()?),
            7 => self.slice(8).map(|_| Field::Double)?,
            8 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Field::Bytes(self.slice(length)?)
            }
            9 | 10 if depth < DEEPEST => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                // Every element has a byte at least.
                if count > (self.bytes.len() - self.at) as u64 {
                    return None;
                }
                let elements: Option<Vec<_>> = (0..count).map(|_| self.value(head & 0x0f, depth + 1)).collect();
                Field::List(elements?)
            }
            11 if depth < DEEPEST => {
                let count = self.varint()?;
                let kinds = if count > 0 { self.byte()? } else { 0 };
                if count > (self.bytes.len() - self.at) as u64 {
                    return None;
                }
                for _ in 0..count {
                    self.value(kinds >> 4, depth + 1)?;
                    self.value(kinds & 0x0f, depth + 1)?;
                }
                Field::List(Vec::new())
            }
            12 if depth < DEEPEST => self.fields(depth + 1)?,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_lists_and_numbers() {
        // {1: 1 (i32), 2: [3, -3] (i32), 4: "ab", 5: true, 7: {1: false}}
        let bytes = [0x15, 0x02, 0x19, 0x25, 0x06, 0x05, 0x28, 0x02, b'a', b'b', 0x11, 0x2c, 0x12, 0x00, 0x00];
        let (found, length) = read(&bytes).unwrap();
        assert_eq!((found.int(1), found.text(4), found.bool(5), length), (Some(1), Some("ab"), Some(true), 15));
        assert_eq!(found.list(2), [Field::Int(3), Field::Int(-3)]);
        assert_eq!(found.field(7).and_then(|inner| inner.bool(1)), Some(false));
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_none(), "{length}");
        }
        assert!(read(&[0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 0x0f]).is_none());
        assert!(read(&[0x1c; 1000]).is_none());
    }
}
