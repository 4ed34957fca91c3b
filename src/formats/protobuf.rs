//! The few pieces of the protocol buffers wire format that vector tiles and OpenStreetMap extracts use, over borrowed bytes.
//!
//! Nothing is allocated from a length that a file claims: every length is checked against the bytes that are there.

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtobufError {
    #[error("the message ends inside a field")]
    Truncated,
    #[error("invalid {what} {value}")]
    Encoding { what: &'static str, value: u64 },
}

/// A cursor over one message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The value of a field by wire type (protocol buffers encoding, "message structure").
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Message<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next field's number and value; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, ProtobufError> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.fixed::<8>()?)),
            2 => {
                let length = self.varint()?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.fixed::<4>()?)),
            other => return Err(ProtobufError::Encoding { what: "wire type", value: other }),
        };
        if key >> 3 == 0 {
            return Err(ProtobufError::Encoding { what: "field number", value: 0 });
        }
        Ok(Some((key >> 3, field)))
    }

    /// A base-128 number of at most ten bytes.
    pub(crate) fn varint(&mut self) -> Result<u64, ProtobufError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(ProtobufError::Truncated)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ProtobufError::Encoding { what: "number", value })
    }

    /// Whether everything was read.
    pub(crate) fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], ProtobufError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = usize::try_from(length).map_err(|_| ProtobufError::Truncated)?;
        let taken = rest.get(..length).ok_or(ProtobufError::Truncated)?;
        self.at += length;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], ProtobufError> {
        self.take(N as u64)?.try_into().map_err(|_| ProtobufError::Truncated)
    }
}

/// A zigzag-encoded signed number.
pub(crate) fn zigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}
