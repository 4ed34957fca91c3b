//! FlatBuffers, read where they lie: tables, their fields by number, strings and vectors. Every place is checked, so that
//! hostile bytes give `None`, which is what an absent field gives.

/// A table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    number(bytes, at).map(|b| u32::from_le_bytes(b) as usize)
}

impl<'a> Table<'a> {
    /// The table that a buffer holds.
    pub fn root(bytes: &'a [u8]) -> Option<Self> {
        Some(Self { bytes, at: u32_at(bytes, 0).filter(|at| *at < bytes.len())? })
    }

    /// Where a field lies.
    fn field(&self, slot: usize) -> Option<usize> {
        let back = i64::from(i32::from_le_bytes(number(self.bytes, self.at)?));
        let layout = usize::try_from(i64::try_from(self.at).ok()? - back).ok()?;
        let size = usize::from(u16::from_le_bytes(number(self.bytes, layout)?));
        let entry = 4 + 2 * slot;
        if entry + 2 > size {
            return None;
        }
        let offset = usize::from(u16::from_le_bytes(number(self.bytes, layout.checked_add(entry)?)?));
        if offset == 0 { None } else { self.at.checked_add(offset) }
    }

    pub fn u8(&self, slot: usize) -> Option<u8> {
        number(self.bytes, self.field(slot)?).map(|[byte]: [u8; 1]| byte)
    }

    pub fn u16(&self, slot: usize) -> Option<u16> {
        number(self.bytes, self.field(slot)?).map(u16::from_le_bytes)
    }

    pub fn i32(&self, slot: usize) -> Option<i32> {
        number(self.bytes, self.field(slot)?).map(i32::from_le_bytes)
    }

    pub fn u64(&self, slot: usize) -> Option<u64> {
        number(self.bytes, self.field(slot)?).map(u64::from_le_bytes)
    }

    /// What a field points to.
    fn target(&self, slot: usize) -> Option<usize> {
        let at = self.field(slot)?;
        at.checked_add(u32_at(self.bytes, at)?)
    }

    /// A table in a field.
    pub fn table(&self, slot: usize) -> Option<Self> {
        Some(Self { bytes: self.bytes, at: self.target(slot)? })
    }

    /// The bytes of a vector of things of so many bytes; nothing where there is no vector.
    pub fn vector(&self, slot: usize, of: usize) -> &'a [u8] {
        let found = || {
            let at = self.target(slot)?;
            let length = u32_at(self.bytes, at)?.checked_mul(of)?;
            let start = at.checked_add(4)?;
            self.bytes.get(start..start.checked_add(length)?)
        };
        found().unwrap_or_default()
    }

    pub fn text(&self, slot: usize) -> Option<&'a str> {
        Some(std::str::from_utf8(self.vector(slot, 1)).ok()?).filter(|text| !text.is_empty())
    }

    /// The numbers of a vector.
    pub fn numbers(&self, slot: usize) -> impl Iterator<Item = f64> + use<'a> {
        self.vector(slot, 8).chunks_exact(8).map(|b| b.try_into().map_or(f64::NAN, f64::from_le_bytes))
    }

    /// The whole numbers of a vector.
    pub fn counts(&self, slot: usize) -> impl Iterator<Item = usize> + use<'a> {
        self.vector(slot, 4).chunks_exact(4).map(|b| b.try_into().map_or(0, u32::from_le_bytes) as usize)
    }

    /// The tables of a vector.
    pub fn tables(&self, slot: usize) -> impl Iterator<Item = Self> + use<'a> {
        let (bytes, all) = (self.bytes, self.vector(slot, 4));
        let start = self.target(slot).and_then(|at| at.checked_add(4)).unwrap_or_default();
        (0..all.len() / 4).filter_map(move |number| {
            let at = start + 4 * number;
            Some(Self { bytes, at: at.checked_add(u32_at(bytes, at)?)? })
        })
    }
}
