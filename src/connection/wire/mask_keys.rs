//! Masking keys. They must be unpredictable (RFC 6455 §5.3 and §10.3), so they come from a cryptographic
//! generator seeded by the operating system.

use rand::rngs::{StdRng, SysError, SysRng};
use rand::{Rng as _, SeedableRng as _};

/// A generator of masking keys.
pub struct MaskKeys(StdRng);

impl MaskKeys {
    /// Seeds a new generator.
    ///
    /// # Errors
    /// The operating system provides no random numbers. Then no frame may be sent.
    pub fn new() -> Result<Self, SysError> {
        StdRng::try_from_rng(&mut SysRng).map(Self)
    }

    /// The next key.
    #[inline]
    pub fn next_key(&mut self) -> [u8; 4] {
        self.0.next_u32().to_ne_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_differ_from_frame_to_frame_and_from_connection_to_connection() {
        let mut one = MaskKeys::new().expect("randomness");
        let mut other = MaskKeys::new().expect("randomness");
        let keys = (0..2000).flat_map(|_| [one.next_key(), other.next_key()]);
        let distinct: HashSet<[u8; 4]> = keys.collect();
        // 4,000 keys out of 2^32 have one collision in 500 runs, and five never.
        assert!(distinct.len() > 3995);
    }
}
