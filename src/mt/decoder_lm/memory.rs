//! What the decoder has read and still knows, so that a prompt that begins the same is not read again.
//!
//! Three kinds: the fixed beginnings of prompts, one per [`PrefixKey`]; the last few whole dialogues, prompt and answer, because the next
//! segment of an utterance goes on where the one before it ended; and what was read last of a sentence that is still being said. Pure
//! bookkeeping: knows tokens, computes nothing. Owned by [`super::DecoderLm`].

use std::sync::Arc;

use super::{super::prompt::PrefixKey, decoder::KvCache};

/// Dialogues that are kept, the least recently used goes first: two people and their two directions, twice. About 35 MB each with the 1.5B.
const DIALOGUES: usize = 4;

/// Tokens that were read, and what the decoder made of them.
pub(super) struct Read {
    /// As many as the cache has.
    pub(super) tokens: Vec<u32>,
    pub(super) cache: KvCache,
}

impl Read {
    /// The first of `tokens`, as many as are in `cache`.
    pub(super) fn new(tokens: &[u32], cache: KvCache) -> Self {
        Self { tokens: tokens[..cache.length()].to_vec(), cache }
    }
}

/// Behind what reading goes on.
pub(super) enum Start {
    /// It is kept: what goes on behind it is a copy.
    Kept(Arc<Read>),
    /// What was read ahead, kept no longer: what goes on behind it takes its place.
    Taken(Read),
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Prefix,
    Ahead,
    Dialogue(usize),
}

/// See the module's page.
pub(super) struct Memory {
    /// Most recently used last.
    prefixes: Vec<(PrefixKey, Arc<Read>)>,
    /// Most recently used last.
    dialogues: Vec<Arc<Read>>,
    /// Its words may still change, so it takes no dialogue's place.
    ahead: Option<Read>,
    kept_prefixes: usize,
}

impl Memory {
    /// Keeps at most so many prefixes; with 0 nothing at all.
    pub(super) fn new(kept_prefixes: usize) -> Self {
        Self { prefixes: Vec::new(), dialogues: Vec::new(), ahead: None, kept_prefixes }
    }

    /// Beginnings of prompts in it.
    pub(super) fn prefixes(&self) -> usize {
        self.prefixes.len()
    }

    /// The beginning for `key`, if it is kept.
    pub(super) fn prefix(&mut self, key: PrefixKey) -> Option<Arc<Read>> {
        let at = self.prefixes.iter().position(|(kept, _)| *kept == key)?;
        let used = self.prefixes.remove(at);
        let read = Arc::clone(&used.1);
        self.prefixes.push(used);
        Some(read)
    }

    /// Keeps the beginning for `key`.
    pub(super) fn keep_prefix(&mut self, key: PrefixKey, read: &Arc<Read>) {
        if self.kept_prefixes > 0 {
            if self.prefixes.len() >= self.kept_prefixes {
                self.prefixes.remove(0);
            }
            self.prefixes.push((key, Arc::clone(read)));
        }
    }

    /// Keeps a dialogue, in the place of those that it goes on.
    pub(super) fn keep(&mut self, read: Read) {
        if self.kept_prefixes == 0 {
            return;
        }
        self.dialogues.retain(|kept| !read.tokens.starts_with(&kept.tokens));
        if self.dialogues.len() >= DIALOGUES {
            self.dialogues.remove(0);
        }
        self.dialogues.push(Arc::new(read));
    }

    /// Keeps what was read of a sentence of which more will come.
    pub(super) fn keep_ahead(&mut self, read: Read) {
        if self.kept_prefixes > 0 {
            self.ahead = Some(read);
        }
    }

    /// What begins with most of `tokens`, which begin with `prefix`, and how many of them: never all, because reading the last one gives
    /// the answer's first.
    pub(super) fn start(&mut self, tokens: &[u32], prefix: &Arc<Read>) -> (Start, usize) {
        let (place, known) = self.longest(tokens, prefix);
        let start = match (place, self.ahead.take_if(|_| place == Place::Ahead)) {
            (_, Some(ahead)) => Start::Taken(ahead),
            (Place::Dialogue(at), None) => {
                let used = self.dialogues.remove(at);
                self.dialogues.push(Arc::clone(&used));
                Start::Kept(used)
            }
            (_, None) => Start::Kept(Arc::clone(prefix)),
        };
        (start, known)
    }

    /// Where [`Self::start`] finds what it gives.
    pub(super) fn longest(&self, tokens: &[u32], prefix: &Read) -> (Place, usize) {
        let most = tokens.len().saturating_sub(1);
        let known = |read: &Read| read.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count().min(most);
        let ahead = self.ahead.iter().map(|read| (Place::Ahead, known(read)));
        let dialogues = self.dialogues.iter().enumerate().map(|(at, read)| (Place::Dialogue(at), known(read)));
        // Of those that know as much, the first.
        ahead.chain(dialogues).fold((Place::Prefix, known(prefix)), |best, other| if other.1 > best.1 { other } else { best })
    }
}
