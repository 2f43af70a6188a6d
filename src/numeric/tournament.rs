//! The least of many keys that change one at a time.

/// Above every key that is put into a slot.
pub const NONE: u64 = u64::MAX;

/// Keys in slots, and their least. A change costs as many steps as there are rounds in a knock-out tournament, fewer where it
/// changes no winner.
#[derive(Debug, Clone)]
pub struct Tournament {
    /// The winners of all rounds: the last one at 1, those that met for `node` at twice `node` and the next; the second half
    /// are the slots.
    keys: Vec<u64>,
}

impl Tournament {
    /// Empty slots, at least one.
    pub fn new(slots: usize) -> Tournament {
        Tournament { keys: vec![NONE; 2 * slots.next_power_of_two()] }
    }

    /// Puts a key, which is below [`NONE`], into a slot in place of its last one.
    #[inline]
    pub fn put(&mut self, slot: usize, key: u64) {
        self.change(slot, key);
    }

    /// Empties a slot.
    #[inline]
    pub fn clear(&mut self, slot: usize) {
        self.change(slot, NONE);
    }

    /// The key of a slot.
    pub fn key(&self, slot: usize) -> Option<u64> {
        let key = self.keys[self.keys.len() / 2 + slot];
        (key != NONE).then_some(key)
    }

    /// The least key.
    #[inline]
    pub fn least(&self) -> Option<u64> {
        (self.keys[1] != NONE).then_some(self.keys[1])
    }

    /// The first of the slots with the least key, and the key.
    #[inline]
    pub fn first(&self) -> Option<(u64, usize)> {
        let least = self.least()?;
        let slots = self.keys.len() / 2;
        let mut node = 1;
        while node < slots {
            node *= 2;
            node += usize::from(self.keys[node] != least);
        }
        Some((least, node - slots))
    }

    /// The keys of some slots, in the order given, in a tournament of so many.
    pub fn moved(&self, from: &[usize], slots: usize) -> Tournament {
        let mut moved = Tournament::new(slots);
        for (to, key) in from.iter().enumerate().filter_map(|(to, slot)| Some((to, self.key(*slot)?))) {
            moved.put(to, key);
        }
        moved
    }

    #[inline]
    fn change(&mut self, slot: usize, key: u64) {
        let mut node = self.keys.len() / 2 + slot;
        self.keys[node] = key;
        while node > 1 {
            let winner = self.keys[node].min(self.keys[node ^ 1]);
            node /= 2;
            if self.keys[node] == winner {
                return;
            }
            self.keys[node] = winner;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_of_the_least_is_what_a_scan_finds(
            slots in 1_usize..20,
            changes in prop::collection::vec((0_usize..20, prop::option::of(0_u64..5)), 0..100),
        ) {
            let mut keys = vec![None; slots];
            let mut tournament = Tournament::new(slots);
            for (slot, key) in changes {
                let slot = slot % slots;
                keys[slot] = key;
                match key {
                    Some(key) => tournament.put(slot, key),
                    None => tournament.clear(slot),
                }
                let scan = keys.iter().enumerate().filter_map(|(slot, key)| Some(((*key)?, slot))).min();
                prop_assert_eq!(tournament.first(), scan);
                prop_assert_eq!(tournament.least(), scan.map(|(key, _)| key));
            }
            let left: Vec<usize> = (0..slots).filter(|slot| keys[*slot].is_some()).collect();
            let moved = tournament.moved(&left, 2 * slots);
            let scan = left.iter().enumerate().map(|(to, from)| (keys[*from].unwrap(), to)).min();
            prop_assert_eq!(moved.first(), scan);
        }
    }
}
