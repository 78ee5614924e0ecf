//! Masking keys. A peer must not be able to foresee them (RFC 6455 §5.3 and §10.3), so they are the
//! operating system's randomness, drawn for many frames at once.

/// Keys drawn at once: one system call for so many frames.
const DRAWN: usize = 1024;

/// A supply of masking keys; nothing is drawn before the first is needed.
#[derive(Default)]
pub struct MaskingKeys {
    drawn: Vec<[u8; 4]>,
}

impl MaskingKeys {
    /// The next key; each is given once.
    #[inline]
    pub fn next_key(&mut self) -> [u8; 4] {
        match self.drawn.pop() {
            Some(key) => key,
            None => self.draw(),
        }
    }

    #[cold]
    fn draw(&mut self) -> [u8; 4] {
        let mut block = [0; 4 * DRAWN];
        // Fails only on a system without randomness, where zeros still make valid frames.
        let _ = getrandom::fill(&mut block);
        let (keys, _) = block.as_chunks::<4>();
        self.drawn.extend_from_slice(keys);
        self.drawn.pop().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_differ_from_frame_to_frame() {
        let mut keys = MaskingKeys::default();
        let drawn: HashSet<[u8; 4]> = (0..4 * DRAWN).map(|_| keys.next_key()).collect();
        // A thousand keys out of 2^32 collide once in eight thousand runs; twice, never.
        assert!(drawn.len() >= 4 * DRAWN - 1);
    }
}
