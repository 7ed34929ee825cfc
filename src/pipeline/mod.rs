//! One speaker's words, stage by stage: frames in, captions and interpreted speech out.

pub mod event;
