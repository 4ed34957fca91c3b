//! Which nodes ways share: where roads, railways and waterways are split, and how high bridges begin.

use super::element::Tags;
use super::nodes::Budget;
use crate::import::ImportError;

/// Networks that are traced each for itself: a railway that crosses a road does not join it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    Roads = 0,
    Rails = 1,
    Waters = 2,
}

/// What is known of a node that several ways use, or that is on a bridge or in a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Crossing {
    shared: u8,
    /// The layer nearest to the ground that meets here.
    pub(super) layer: i8,
}

impl Crossing {
    /// Whether two pieces of a network meet here.
    pub(super) fn is_shared_in(self, network: Network) -> bool {
        self.shared & (1 << network as u8) != 0
    }
}

/// Every use of a node by a way, packed: the id, two bits of network, four of layer.
#[derive(Debug, Default)]
pub(super) struct Uses(Vec<i64>);

const LAYER_BITS: u32 = 4;
const NETWORK_BITS: u32 = 2;
const LOWEST_LAYER: i64 = -8;

impl Uses {
    pub(super) fn add(
        &mut self,
        nodes: &[i64],
        network: Network,
        layer: i8,
        budget: &mut Budget,
    ) -> Result<(), ImportError> {
        budget.take(nodes.len())?;
        let low = ((network as i64) << LAYER_BITS) | (i64::from(layer) - LOWEST_LAYER);
        self.0.extend(nodes.iter().map(|id| (id << (LAYER_BITS + NETWORK_BITS)) | low));
        Ok(())
    }

    pub(super) fn into_crossings(mut self) -> Crossings {
        self.0.sort_unstable();
        let mut found = Vec::new();
        for uses in self.0.chunk_by(|a, b| a >> (LAYER_BITS + NETWORK_BITS) == b >> (LAYER_BITS + NETWORK_BITS)) {
            let Some(first) = uses.first() else { continue };
            let mut counts = [0_u8; 1 << NETWORK_BITS];
            let mut nearest = i8::MAX;
            for word in uses {
                let network = (word >> LAYER_BITS) & ((1 << NETWORK_BITS) - 1);
                let layer = (word & ((1 << LAYER_BITS) - 1)) + LOWEST_LAYER;
                if let Some(count) = counts.get_mut(network as usize) {
                    *count = count.saturating_add(1);
                }
                if layer.unsigned_abs() < u64::from(nearest.unsigned_abs()) {
                    nearest = layer as i8;
                }
            }
            let shared = (0..).zip(counts).fold(0, |bits, (bit, count)| bits | (u8::from(count > 1) << bit));
            if shared != 0 || nearest != 0 {
                found.push((first >> (LAYER_BITS + NETWORK_BITS), Crossing { shared, layer: nearest }));
            }
        }
        Crossings(found)
    }
}

/// The nodes that several ways share, or that are not on the ground; sorted by id.
#[derive(Debug, Default)]
pub(super) struct Crossings(Vec<(i64, Crossing)>);

impl Crossings {
    pub(super) fn get(&self, node: i64) -> Crossing {
        let found = self.0.binary_search_by_key(&node, |(id, _)| *id);
        found.ok().and_then(|index| self.0.get(index)).map_or_else(Crossing::default, |(_, crossing)| *crossing)
    }
}

/// The layer of a way: what it says on a bridge or in a tunnel, 1 and -1 where it does not say it there; 0 on the ground,
/// where the tag only orders what maps draw.
pub(super) fn layer(tags: &Tags<'_>) -> i8 {
    let stated = tags.get("layer").and_then(|words| words.trim().parse::<i8>().ok()).map(|layer| layer.clamp(-5, 5));
    if tags.is("bridge") {
        return stated.unwrap_or(1);
    }
    let through_a_building = matches!(tags.get("tunnel"), Some("building_passage" | "passage"));
    if tags.is("tunnel") && !through_a_building {
        return stated.unwrap_or(-1);
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_shared_within_a_network_only() {
        let mut uses = Uses::default();
        let mut budget = Budget::new(1000, "a");
        uses.add(&[1, 2, 3], Network::Roads, 0, &mut budget).unwrap();
        uses.add(&[3, -4], Network::Roads, 1, &mut budget).unwrap();
        uses.add(&[2, 9], Network::Rails, 0, &mut budget).unwrap();
        uses.add(&[-4, 8], Network::Roads, 2, &mut budget).unwrap();
        let crossings = uses.into_crossings();
        let shared = |id| crossings.get(id).is_shared_in(Network::Roads);
        assert_eq!([1, 2, 3, -4, 8, 77].map(shared), [false, false, true, true, false, false]);
        assert_eq!([3, -4, 8, 2].map(|id| crossings.get(id).layer), [0, 1, 2, 0]);
    }

    #[test]
    fn only_bridges_and_tunnels_leave_the_ground() {
        for (tags, expected) in [
            (&[("layer", "1")][..], 0),
            (&[("bridge", "yes")], 1),
            (&[("bridge", "viaduct"), ("layer", "3")], 3),
            (&[("bridge", "no"), ("layer", "3")], 0),
            (&[("tunnel", "yes")], -1),
            (&[("tunnel", "building_passage")], 0),
            (&[("tunnel", "yes"), ("layer", "-99")], -5),
        ] {
            assert_eq!(layer(&tags.iter().copied().collect()), expected, "{tags:?}");
        }
    }
}
