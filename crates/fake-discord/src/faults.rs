//! What goes wrong, because a test wants it to.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::{Value, json};

use crate::{
    FakeDiscord,
    fault::Fault,
    limit::Bucket,
    session::{Order, intents},
};

/// REST: single answers, limits, sizes and times.
impl FakeDiscord {
    /// Scripts the next answer of a route such as `POST /webhooks/{}/{}`.
    pub fn fault(&self, route: &str, fault: Fault) {
        self.shared.state().script.add(route, fault);
    }

    /// Sets how much every bucket takes.
    pub fn bucket(&self, bucket: Bucket) {
        self.shared.state().limits.bucket = bucket;
    }

    /// Sets how much the buckets of one route take.
    pub fn bucket_of(&self, route: &str, bucket: Bucket) {
        self.shared.state().limits.routes.insert(route.to_owned(), bucket);
    }

    /// Sets how many requests the bot may make in all; by default any number.
    pub fn global_bucket(&self, bucket: Bucket) {
        self.shared.state().limits.all = Some(bucket);
    }

    /// Sets how often the name or topic of a channel may change; by default twice in ten minutes.
    pub fn rename_bucket(&self, bucket: Bucket) {
        self.shared.state().limits.renames = bucket;
    }

    /// Answers nothing any more after so many requests that were refused with 401, 403 or 429; by
    /// default 10,000.
    pub fn ban_after(&self, invalid: u64) {
        self.shared.state().limits.ban_after = invalid;
    }

    /// Sets how large a file may be, in bytes.
    pub fn file_limit(&self, bytes: usize) {
        self.shared.state().world.knobs.file_limit = bytes;
    }

    /// Sets how long addresses of files open that are given from now on.
    pub fn link_life(&self, life: Duration) {
        self.shared.state().world.knobs.link_life = life.as_secs();
    }

    /// Sets how soon an interaction must be answered, and how long its token counts; by default three
    /// seconds and fifteen minutes.
    pub fn interaction_times(&self, answer: Duration, token: Duration) {
        let knobs = &mut self.shared.state().world.knobs;
        (knobs.answer_within, knobs.token_life) = (answer, token);
    }

    /// Sets how many channels the server may have, and how many threads that are not put away; by
    /// default 500 and 1000.
    pub fn room_for(&self, channels: usize, threads: usize) {
        let knobs = &mut self.shared.state().world.knobs;
        (knobs.channels, knobs.threads) = (channels, threads);
    }
}

/// The gateway: its connections, its sessions, its events.
impl FakeDiscord {
    /// Ends all gateway connections with a close code.
    pub fn close(&self, code: u16) {
        self.order(|| Order::Close(code));
    }

    /// Cuts all gateway connections.
    pub fn cut(&self) {
        self.order(|| Order::Drop);
    }

    /// Resets all gateway connections.
    pub fn reset(&self) {
        self.order(|| Order::Reset);
    }

    fn order(&self, order: impl Fn() -> Order) {
        self.shared.state().sessions.iter_mut().for_each(|session| session.order(order()));
    }

    /// Asks clients to connect again, as Discord does before it restarts something.
    pub fn ask_to_reconnect(&self) {
        self.say_to_all(&json!({ "op": 7, "d": null }));
    }

    /// Declares the sessions invalid; they may be resumed, or not.
    pub fn invalidate(&self, resumable: bool) {
        self.say_to_all(&json!({ "op": 9, "d": resumable }));
        if !resumable {
            let sessions = &mut self.shared.state().sessions;
            // They keep their connections, for the next IDENTIFY comes over them.
            sessions.iter_mut().for_each(|session| session.id.push_str("-invalid"));
        }
    }

    fn say_to_all(&self, said: &Value) {
        self.shared.state().sessions.iter_mut().for_each(|session| session.say(said));
    }

    /// Takes connections to the gateway from now on, and never answers them; or answers again.
    pub fn hang_upgrades(&self, on: bool) {
        self.shared.hang_upgrades.store(on, Ordering::Relaxed);
    }

    /// Greets nobody from now on; or does again.
    pub fn hold_hello(&self, on: bool) {
        self.shared.state().controls.no_hello = on;
    }

    /// Refuses to resume sessions from now on; or resumes again.
    pub fn refuse_resume(&self, on: bool) {
        self.shared.state().controls.refuse_resume = on;
    }

    /// Answers no heartbeats from now on; or does again.
    pub fn hold_acks(&self, on: bool) {
        self.shared.state().controls.no_ack = on;
    }

    /// Answers no requests for members from now on; or does again.
    pub fn hold_chunks(&self, on: bool) {
        self.shared.state().controls.no_chunks = on;
    }

    /// Sends compressed frames from now on; or plain ones again.
    pub fn compress(&self, on: bool) {
        self.shared.state().controls.compress = on;
    }

    /// Sets how often clients shall send heartbeats; counts for connections to come.
    pub fn heartbeat(&self, every: Duration) {
        let millis = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        self.shared.state().controls.heartbeat_millis = millis;
    }

    /// Tells of messages so long after their senders have their answers; by default before.
    pub fn echo_after(&self, after: Duration) {
        self.shared.state().controls.echo_after = Some(after);
    }

    /// Tells every event twice from now on; or once again.
    pub fn tell_twice(&self, on: bool) {
        self.shared.state().controls.twice = on;
    }

    /// Keeps events back from now on, for [`release_events`](Self::release_events).
    pub fn hold_events(&self) {
        self.shared.state().controls.hold = true;
    }

    /// Tells what was kept back, in the order the test gives it: names, and what they tell.
    pub fn release_events(&self, order: impl FnOnce(&mut Vec<(String, Value)>)) {
        let mut state = self.shared.state();
        state.controls.hold = false;
        let held = std::mem::take(&mut state.held);
        let wanted: Vec<u64> = held.iter().map(|(_, _, wanted)| *wanted).collect();
        let kept: Vec<(String, Value)> =
            held.into_iter().map(|(name, data, _)| (name, data)).collect();
        let mut ordered = kept.clone();
        order(&mut ordered);
        for (name, data) in ordered {
            let at = kept.iter().position(|one| one.0 == name && one.1 == data);
            let held = at.and_then(|at| wanted.get(at).copied());
            state.tell_now(&name, &data, held.unwrap_or(intents::EVERYBODY));
        }
    }

    /// Leaves a field out of the next event of a name.
    pub fn spoil(&self, name: &str, field: &str) {
        self.shared.state().spoilt.push((name.to_owned(), field.to_owned()));
    }

    /// Tells all sessions an event of the test's own making.
    pub fn tell(&self, name: &str, data: &Value) {
        self.shared.state().tell_now(name, data, intents::EVERYBODY);
    }
}
