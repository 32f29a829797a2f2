//! Chance from a seed: the same seed, the same throws.

/// A generator (splitmix64) of its own, so that no library's next version
/// changes what a seed means.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// One of several independent sequences of a seed.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e6c_63d0_876a_46cb) ^ stream.rotate_left(32));
        dice.next();
        dice
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this; 0 for 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// A number of this range, its end included.
    pub(crate) fn range(&mut self, from: i64, to: i64) -> i64 {
        let width = (to - from).max(0).cast_unsigned() + 1;
        from + self.below(width).cast_signed()
    }

    /// Whether something happens that does so often of 100,000 times.
    pub(crate) fn chance(&mut self, of_100_000: u32) -> bool {
        of_100_000 > 0 && self.below(100_000) < u64::from(of_100_000)
    }

    /// An index into something of this length.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.index(of.len()))
    }
}
