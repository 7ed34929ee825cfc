//! How good and how late: plays recordings through the server's pipeline in real time and measures what comes out.
//!
//! [`data`] reads data sets, [`trace`] plays one recording and writes down every event, [`events`] is what it writes down,
//! [`measure`] makes numbers of it ([`laal`], [`numbers`] and [`doubts`] among them), [`report`] a page with charts. All but `trace` are pure. Used by
//! `tongchuan interpret --realtime` and `tongchuan eval`; nothing that serves people knows of it.

pub mod data;
pub mod doubts;
pub mod events;
pub mod laal;
pub mod measure;
pub mod numbers;
pub mod report;

pub mod trace;
