//! What a hook said, however much that is.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The most that is kept, in bytes. The rest is read and forgotten, so that
/// the other side never waits for us.
const MOST: usize = 64 * 1024;

/// Which end is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    First,
    Last,
}

/// What was heard so far.
#[derive(Debug)]
pub(super) struct Heard {
    keep: Keep,
    bytes: Vec<u8>,
}

impl Heard {
    pub(super) fn new(keep: Keep) -> Self {
        Self { keep, bytes: Vec::new() }
    }

    /// Takes more of it.
    pub(super) fn take(&mut self, more: &[u8]) {
        match self.keep {
            Keep::First => {
                let room = MOST.saturating_sub(self.bytes.len());
                self.bytes.extend(more.iter().take(room));
            }
            Keep::Last => {
                self.bytes.extend(more);
                // Not each time, so that little is moved.
                if self.bytes.len() > 2 * MOST {
                    self.bytes.drain(..self.bytes.len() - MOST);
                }
            }
        }
    }

    /// Whether nothing more of it is kept.
    pub(super) fn is_full(&self) -> bool {
        self.keep == Keep::First && self.bytes.len() >= MOST
    }

    /// Listens until the other side has no more to say.
    pub(super) async fn listen(&mut self, pipe: Option<impl AsyncRead + Unpin>) {
        let Some(mut pipe) = pipe else { return };
        let mut chunk = vec![0; 8 * 1024];
        while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
            self.take(chunk.get(..length).unwrap_or_default());
        }
    }

    /// As text; what is not UTF-8 is replaced.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// As it came.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, Keep, MOST};

    #[test]
    fn however_much_is_said_little_is_kept() {
        let (mut first, mut last) = (Heard::new(Keep::First), Heard::new(Keep::Last));
        for heard in [&mut first, &mut last] {
            heard.take(b"begin\n");
            for _ in 0..100 {
                heard.take(&[b'x'; MOST / 10]);
                assert!(heard.bytes.len() <= 2 * MOST, "{:?}", heard.keep);
            }
            heard.take(b"\nend");
        }
        assert!(first.text().starts_with("begin\n") && !first.text().ends_with("end"));
        assert!(last.text().ends_with("\nend") && !last.text().starts_with("begin"));
    }
}
