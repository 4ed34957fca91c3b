//! Numbers out of buffer views: compressed or plain, of any component type, every range checked.

use std::collections::BTreeMap;

use super::GlbError;
use super::document::{Accessor, BufferView, Document, Meshopt};
use super::meshopt;

/// Most bytes that one content may take when decoded.
pub const DECODED_LIMIT: usize = 1 << 30;

/// Reads accessors of a document; what meshopt unpacked is kept, since several accessors may share a view.
pub struct Reader<'a> {
    document: &'a Document,
    binary: &'a [u8],
    unpacked: BTreeMap<usize, Vec<u8>>,
    /// Bytes that may still be made.
    left: usize,
}

fn invalid(what: &'static str, kind: &str, index: usize) -> GlbError {
    GlbError::Invalid { what, place: format!("{kind} {index}") }
}

impl<'a> Reader<'a> {
    /// A reader of this document over its binary chunk.
    pub fn new(document: &'a Document, binary: &'a [u8]) -> Self {
        Self { document, binary, unpacked: BTreeMap::new(), left: DECODED_LIMIT }
    }

    /// Books bytes that are about to be allocated.
    pub fn book(&mut self, count: usize, size: usize) -> Result<(), GlbError> {
        let left = count.checked_mul(size).and_then(|bytes| self.left.checked_sub(bytes));
        self.left = left.ok_or(GlbError::TooLarge { limit: DECODED_LIMIT })?;
        Ok(())
    }

    fn range(&self, buffer: usize, offset: usize, length: usize) -> Option<&'a [u8]> {
        // A binary glTF keeps its bytes in buffer 0, which has no URI.
        if buffer != 0 || self.document.buffers.first()?.uri.is_some() {
            return None;
        }
        self.binary.get(offset..offset.checked_add(length)?)
    }

    /// The bytes of a buffer view, unpacked where compressed.
    pub fn view(&mut self, index: usize) -> Result<&[u8], GlbError> {
        let document = self.document;
        let view =
            document.buffer_views.get(index).ok_or_else(|| invalid("no such buffer view", "buffer view", index))?;
        match &view.extensions.meshopt {
            None => self
                .range(view.buffer, view.byte_offset, view.byte_length)
                .ok_or_else(|| invalid("bytes outside of the file", "buffer view", index)),
            Some(compressed) => {
                if !self.unpacked.contains_key(&index) {
                    let bytes = self.unpack(compressed, view, index)?;
                    self.unpacked.insert(index, bytes);
                }
                self.unpacked.get(&index).map(Vec::as_slice).ok_or_else(|| invalid("no data", "buffer view", index))
            }
        }
    }

    fn unpack(&mut self, compressed: &Meshopt, view: &BufferView, index: usize) -> Result<Vec<u8>, GlbError> {
        let data = self
            .range(compressed.buffer, compressed.byte_offset, compressed.byte_length)
            .ok_or_else(|| invalid("bytes outside of the file", "buffer view", index))?;
        let (count, stride) = (compressed.count, compressed.byte_stride);
        if count.checked_mul(stride) != Some(view.byte_length) {
            return Err(invalid("byteLength differs from count times byteStride", "buffer view", index));
        }
        self.book(count, stride.max(4))?;
        let unpacked = match compressed.mode.as_str() {
            "ATTRIBUTES" => meshopt::decode_vertices(data, count, stride),
            "TRIANGLES" => meshopt::decode_triangles(data, count).and_then(|all| narrow(&all, stride)),
            "INDICES" => meshopt::decode_indices(data, count).and_then(|all| narrow(&all, stride)),
            _ => Err("unknown compression mode"),
        };
        let mut bytes = unpacked.map_err(|reason| invalid(reason, "buffer view", index))?;
        if let Some(filter) = &compressed.filter {
            meshopt::apply_filter(filter, &mut bytes, stride)
                .map_err(|reason| invalid(reason, "buffer view", index))?;
        }
        Ok(bytes)
    }

    /// How many elements an accessor has; 0 where there is no such accessor.
    pub fn count(&self, index: usize) -> usize {
        self.document.accessors.get(index).map_or(0, |accessor| accessor.count)
    }

    /// Elements of `N` floats, normalized integers turned to 0..1 or -1..1 (glTF 2.0 section 3.6.2.2). An accessor of
    /// fewer components leaves the rest at `fill`.
    pub fn floats<const N: usize>(&mut self, index: usize, fill: f32) -> Result<Vec<[f32; N]>, GlbError> {
        let (accessor, components) = self.accessor(index)?;
        let count = accessor.count;
        self.book(count, size_of::<[f32; N]>())?;
        let Some(elements) = self.elements(index)? else { return Ok(vec![[0.0; N]; count]) };
        let read = component_reader(accessor.component_type, accessor.normalized)
            .ok_or_else(|| invalid("unknown component type", "accessor", index))?;
        let size = component_size(accessor.component_type);
        let used = components.min(N);
        Ok(elements
            .map(|bytes| {
                let mut element = [fill; N];
                for (slot, bytes) in element.iter_mut().zip(bytes.chunks_exact(size)).take(used) {
                    *slot = read(bytes);
                }
                element
            })
            .collect())
    }

    /// Whole numbers of a scalar accessor: indices and feature ids, which may be stored as floats.
    pub fn integers(&mut self, index: usize) -> Result<Vec<u32>, GlbError> {
        let (accessor, _) = self.accessor(index)?;
        let count = accessor.count;
        self.book(count, 4)?;
        let read: fn(&[u8]) -> u32 = match accessor.component_type {
            5121 => |b| u32::from(b[0]),
            5123 => |b| u32::from(u16::from_le_bytes([b[0], b[1]])),
            5125 => |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            5126 => |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).round() as u32,
            _ => return Err(invalid("component type is not unsigned", "accessor", index)),
        };
        Ok(self.elements(index)?.map_or_else(|| vec![0; count], |elements| elements.map(read).collect()))
    }

    fn accessor(&self, index: usize) -> Result<(&'a Accessor, usize), GlbError> {
        let accessor =
            self.document.accessors.get(index).ok_or_else(|| invalid("no such accessor", "accessor", index))?;
        if accessor.sparse.is_some() {
            return Err(GlbError::Unsupported("sparse accessors"));
        }
        let components = match accessor.kind.as_str() {
            "SCALAR" => 1,
            "VEC2" => 2,
            "VEC3" => 3,
            "VEC4" => 4,
            _ => return Err(invalid("type is not a scalar or vector", "accessor", index)),
        };
        Ok((accessor, components))
    }

    /// The bytes of each element; `None` where the accessor has no view and is all zeros.
    fn elements(&mut self, index: usize) -> Result<Option<impl Iterator<Item = &[u8]>>, GlbError> {
        let (accessor, components) = self.accessor(index)?;
        let Some(view_index) = accessor.buffer_view else { return Ok(None) };
        let size = component_size(accessor.component_type) * components;
        let stride = self.document.buffer_views.get(view_index).and_then(|v| v.byte_stride).unwrap_or(size);
        let outside = || invalid("elements outside of the buffer view", "accessor", index);
        if size == 0 || stride < size {
            return Err(invalid("byteStride below the element's size", "accessor", index));
        }
        let bytes = self.view(view_index)?.get(accessor.byte_offset..).ok_or_else(outside)?;
        let needed = match accessor.count {
            0 => Some(0),
            count => (count - 1).checked_mul(stride).and_then(|last| last.checked_add(size)),
        };
        let bytes = needed.and_then(|needed| bytes.get(..needed)).ok_or_else(outside)?;
        Ok(Some(bytes.chunks(stride).map(move |element| &element[..size])))
    }
}

fn narrow(indices: &[u32], stride: usize) -> Result<Vec<u8>, &'static str> {
    match stride {
        2 => Ok(indices.iter().flat_map(|i| (*i as u16).to_le_bytes()).collect()),
        4 => Ok(indices.iter().flat_map(|i| i.to_le_bytes()).collect()),
        _ => Err("stride of indices is not 2 or 4"),
    }
}

/// Bytes of a component type; 0 for an unknown one.
fn component_size(component_type: u32) -> usize {
    match component_type {
        5120 | 5121 => 1,
        5122 | 5123 => 2,
        5125 | 5126 => 4,
        _ => 0,
    }
}

fn component_reader(component_type: u32, normalized: bool) -> Option<fn(&[u8]) -> f32> {
    Some(match (component_type, normalized) {
        (5120, false) => |b| f32::from(b[0] as i8),
        (5120, true) => |b| (f32::from(b[0] as i8) / 127.0).max(-1.0),
        (5121, false) => |b| f32::from(b[0]),
        (5121, true) => |b| f32::from(b[0]) / 255.0,
        (5122, false) => |b| f32::from(i16::from_le_bytes([b[0], b[1]])),
        (5122, true) => |b| (f32::from(i16::from_le_bytes([b[0], b[1]])) / 32767.0).max(-1.0),
        (5123, false) => |b| f32::from(u16::from_le_bytes([b[0], b[1]])),
        (5123, true) => |b| f32::from(u16::from_le_bytes([b[0], b[1]])) / 65535.0,
        (5125, _) => |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as f32,
        (5126, _) => |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
        _ => return None,
    })
}
