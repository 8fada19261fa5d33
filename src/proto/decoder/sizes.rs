//! Sizes: how long the buffer is that a link is read into.

/// How long the buffer is: short for a peer that says little, so that thousands of idle peers stay
/// cheap; the next size when a read filled it, the size before when one left nearly all of it empty.
pub(super) const SIZES: [usize; 3] = [4 * 1024, 32 * 1024, 128 * 1024];

/// The buffer of a link that says little.
pub(crate) const SMALLEST_BUFFER: usize = SIZES[0];

/// The longest buffer of so many bytes at most, or the smallest there is.
pub(crate) fn longest_buffer(most: usize) -> usize {
    let fitting = SIZES.iter().copied().filter(|size| *size <= most);
    fitting.max().unwrap_or(SMALLEST_BUFFER)
}

/// How long the buffer is to be behind a read that left so many bytes in one of `size`. They fit.
pub(super) fn next_size(size: usize, filled: usize) -> usize {
    let sizes = SIZES.iter().copied();
    if filled == size {
        sizes.filter(|other| *other > size).min().unwrap_or(size)
    } else if filled < size / 16 {
        sizes.filter(|other| *other < size).max().unwrap_or(size)
    } else {
        size
    }
}
