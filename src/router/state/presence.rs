//! Who is in a room: coming, leaving, and being away in between, with the connection lost and perhaps coming back.
//!
//! Part of [`RoomState`]; pure. Who is away is a member like any other: his pipeline waits for his sound, and what he would hear is
//! made and sent, to be kept by his outbox. Only the others are told.

use std::{collections::BTreeMap, time::Duration};

use super::{Member, Phase, RoomState, Speaker};
use crate::{
    ids::ParticipantId,
    protocol::{
        Fault, ServerMessage,
        message::{LeaveReason, Left, Role, Who},
    },
    router::event::{Admission, Newcomer, Output},
    time::Millis,
};

/// Who does not come back within this left: long enough for a lift and for a walk from Wi-Fi into a cellular network, short enough
/// for the other side to wait.
pub const RESUME_LIMIT: Duration = Duration::from_secs(60);

impl RoomState {
    /// Lets somebody in, if there is room for him. Whose connection is lost keeps no place from a newcomer who may have it: most
    /// likely it is the same person, whose page was closed.
    ///
    /// # Errors
    /// [`Fault::RoomFull`], [`Fault::RoleTaken`] or [`Fault::ShuttingDown`].
    pub fn join(&mut self, now: Millis, newcomer: Newcomer) -> Result<Admission, Fault> {
        if self.drain.is_some() || self.ended {
            return Err(Fault::ShuttingDown);
        }
        let role = match self.role_for(newcomer.role) {
            Ok(role) => role,
            Err(fault) => {
                let away = self.away_in_place_of(newcomer.role).ok_or(fault)?;
                self.give_up(now, away);
                self.role_for(newcomer.role)?
            }
        };
        let participant = ParticipantId(self.next_participant);
        self.next_participant += 1;
        let others = self.members.iter().map(|(id, m)| m.person(*id)).collect();
        let Newcomer { name, speak, hear, voice, .. } = newcomer;
        let member = Member { role, name, speak, hear, voice, next_stream: 0, away_until: None };
        self.send_to_others(participant, &ServerMessage::Joined(member.person(participant)));
        self.members.insert(participant, member);
        self.empty_since = None;
        self.speakers.insert(participant, Speaker { voice, open: BTreeMap::new(), phase: Phase::Running });
        self.outputs.push_back(Output::StartSpeaker(self.key(participant), speak));
        self.send_candidates();
        Ok(Admission { participant, role, others })
    }

    /// One merchant; everybody else buys. Without a merchant one place is kept for him.
    fn role_for(&self, wanted: Option<Role>) -> Result<Role, Fault> {
        if self.members.len() >= self.options.capacity {
            return Err(Fault::RoomFull(self.options.capacity));
        }
        let merchant_here = self.members.values().any(|m| m.role == Role::Merchant);
        let buyers = self.members.len() - usize::from(merchant_here);
        let buyers_full = buyers + 1 >= self.options.capacity;
        match wanted {
            Some(Role::Merchant) if merchant_here => Err(Fault::RoleTaken(Role::Merchant)),
            Some(Role::Buyer) if buyers_full => Err(Fault::RoleTaken(Role::Buyer)),
            Some(role) => Ok(role),
            None if merchant_here => Ok(Role::Buyer),
            None => Ok(Role::Merchant),
        }
    }

    /// The member away for longest among those in whose place somebody may come who wants this role.
    fn away_in_place_of(&self, wanted: Option<Role>) -> Option<ParticipantId> {
        let away = self.members.iter().filter(|(_, m)| wanted.is_none_or(|role| role == m.role));
        away.filter_map(|(who, m)| Some((m.away_until?, *who))).min().map(|(_, who)| who)
    }

    /// Somebody comes back over a new connection, whether his loss was noticed or not.
    ///
    /// # Errors
    /// [`Fault::ResumeFailed`] when he is no member any more.
    pub fn resume(&mut self, who: ParticipantId) -> Result<Admission, Fault> {
        let member = self.members.get_mut(&who).filter(|_| !self.ended).ok_or(Fault::ResumeFailed)?;
        let role = member.role;
        if member.away_until.take().is_some() {
            self.send_to_others(who, &ServerMessage::Back(Who { participant: who }));
        }
        let others = self.members.iter().filter(|(id, _)| **id != who).map(|(id, m)| m.person(*id)).collect();
        Ok(Admission { participant: who, role, others })
    }

    pub(super) fn on_lost(&mut self, now: Millis, who: ParticipantId) {
        let Some(member) = self.members.get_mut(&who).filter(|m| m.away_until.is_none()) else { return };
        member.away_until = Some(now + RESUME_LIMIT);
        self.send_to_others(who, &ServerMessage::Away(Who { participant: who }));
    }

    pub(super) fn expire_absences(&mut self, now: Millis) {
        let expired: Vec<_> =
            self.members.iter().filter(|(_, m)| m.away_until.is_some_and(|until| now >= until)).map(|(who, _)| *who).collect();
        for who in expired {
            self.give_up(now, who);
        }
    }

    /// Somebody who is away is not waited for any more.
    fn give_up(&mut self, now: Millis, who: ParticipantId) {
        self.outputs.push_back(Output::Dismiss(who, Fault::ResumeFailed));
        self.on_left(now, who, LeaveReason::Lost);
    }

    pub(super) fn on_left(&mut self, now: Millis, who: ParticipantId, reason: LeaveReason) {
        if self.members.remove(&who).is_none() {
            return;
        }
        self.send_to_others(who, &ServerMessage::Left(Left { participant: who, reason }));
        self.forget_listener(who);
        self.finish_speaker(now, who);
        self.close_unneeded_lanes(now);
        self.send_candidates();
        if self.members.is_empty() {
            self.empty_since = Some(now);
        }
    }
}
