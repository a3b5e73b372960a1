use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use http::StatusCode;
use tokio::time::Instant;

use super::Recheck;
use super::journal::Journal;
use super::plan::Plan;
use super::report::History;
use super::run::{Run, Upload, seconds};
use super::settle::{FIRST_PAUSE, LONGEST_PAUSE, time_to_end};
use super::state::{Intent, Remembered};
use crate::checkpoint::{Durability, Record};
use crate::error::Error;
use crate::look::Began;
use crate::multipart::{ListedPart, SentPart};
use crate::operation::Operation;
use crate::uploaded::{Restart, StoredObject};

/// What the checkpoint led to.
#[derive(Debug)]
pub(crate) enum Found {
    Upload(Upload),
    /// An earlier run's Complete had been carried out.
    Stored(StoredObject),
    Nothing,
}

/// What the source is to the one the checkpoint is of.
pub(crate) enum Likeness {
    Same,
    /// As long as it was, but touched since.
    Doubtful,
    Another,
}

impl Run<'_> {
    /// Goes on where the runs before stopped, as far as their records, OSS and the source agree.
    pub(crate) async fn resume(
        &self,
        size: u64,
        journal: &mut Journal,
        history: &mut History,
    ) -> Result<Found, Error> {
        let recorded = journal.recorded();
        if let Some(place) = recorded.set_aside {
            tracing::warn!(place, "the checkpoint could not be read and was set aside");
            history.restarts.push(Restart::CheckpointUnreadable);
            let orphans = Remembered::replay(recorded.records).orphans;
            journal.take_over(&orphans, &recorded.upload_ids).await?;
            orphans.iter().for_each(|id| history.orphan(id));
            for id in &recorded.upload_ids {
                journal.keep(self.abandon(id, history)).await?;
            }
            return self.anew(None, journal, history).await;
        }
        if recorded.records.is_empty() {
            return Ok(Found::Nothing);
        }
        let remembered = Remembered::replay(recorded.records);
        remembered.orphans.iter().for_each(|id| history.orphan(id));
        let Some(intent) = &remembered.intent else {
            return self.without_intent(remembered.upload_id, recorded.damaged, journal, history).await;
        };
        let known = intent.version == Record::VERSION && intent.id == journal.id;
        let plan = Plan::resumed(size, intent.part_size).filter(|_| known);
        let Some(upload_id) = remembered.upload_id.clone() else {
            // The run before died, or its journal was damaged, between Initiate and its record.
            if recorded.damaged {
                history.restarts.push(Restart::CheckpointUnreadable);
            }
            let since = UNIX_EPOCH + Duration::from_secs(intent.since);
            self.find_orphans(since, None, journal, history).await?;
            return self.anew(None, journal, history).await;
        };
        let likeness = self.likeness(intent, journal);
        let reason = match (&likeness, &plan) {
            (Likeness::Another, _) => Some(Restart::SourceChanged),
            (_, None) => Some(Restart::CheckpointUnreadable),
            _ if intent.options != self.options_digest() => Some(Restart::OptionsChanged),
            _ => None,
        };
        let (Some(plan), None) = (plan, reason) else {
            history.restarts.extend(reason);
            return self.anew(Some(&upload_id), journal, history).await;
        };
        let since = UNIX_EPOCH + Duration::from_secs(intent.since);
        let upload = Upload::new(upload_id, Some(plan), Began::Earlier(since));
        self.merge(remembered, upload, plan, likeness, journal, history).await
    }

    /// What the upload was of cannot be read, so nothing can be gone on with; all that is left to do is to give it up.
    async fn without_intent(
        &self,
        upload_id: Option<String>,
        damaged: bool,
        journal: &mut Journal,
        history: &mut History,
    ) -> Result<Found, Error> {
        if damaged || upload_id.is_some() {
            history.restarts.push(Restart::CheckpointUnreadable);
        }
        if damaged && upload_id.is_none() {
            // Its id may have been in a record that is lost, and when it began too.
            self.find_orphans(UNIX_EPOCH, None, journal, history).await?;
        }
        self.anew(upload_id.as_deref(), journal, history).await
    }

    /// Forgets the checkpoint, and gives up the upload it is of.
    pub(crate) async fn anew(
        &self,
        upload_id: Option<&str>,
        journal: &mut Journal,
        history: &mut History,
    ) -> Result<Found, Error> {
        if let Some(upload_id) = upload_id {
            tracing::warn!(reason = ?history.restarts.last(), upload_id, "aborting the earlier upload");
            journal.keep(self.abandon(upload_id, history)).await?;
        }
        match history.orphans.as_slice() {
            [] => journal.clear().await?,
            // The new upload's records follow; a run that dies before it can report these must not take them along.
            orphans => {
                journal.orphans(orphans).await?;
                journal.abandoned(&history.abandoned).await?;
            }
        }
        Ok(Found::Nothing)
    }

    fn likeness(&self, intent: &Intent, journal: &Journal) -> Likeness {
        match &journal.source {
            Some(now) if *now == intent.source => Likeness::Same,
            Some(now)
                if self.recheck != Recheck::Never
                    && (&now.name, now.size) == (&intent.source.name, intent.source.size) =>
            {
                Likeness::Doubtful
            }
            _ => Likeness::Another,
        }
    }

    /// Whether the source must be read before what was sent of it counts.
    pub(crate) fn must_compare(&self, likeness: &Likeness) -> bool {
        matches!(likeness, Likeness::Doubtful) || self.recheck == Recheck::Always
    }

    /// Keeps the parts that the journal and OSS both have, adopts those OSS alone has if their bytes are proved, and
    /// leaves the rest to be sent.
    async fn merge(
        &self,
        mut remembered: Remembered,
        mut upload: Upload,
        plan: Plan,
        likeness: Likeness,
        journal: &mut Journal,
        history: &mut History,
    ) -> Result<Found, Error> {
        remembered.parts.retain(|number, part| plan.fits(*number, part.size));
        let listed = match self.list_when_settled(&upload.id, &remembered, plan, journal).await {
            Ok(listed) => Some(listed),
            Err(error) if error.has_code("NoSuchUpload") => {
                return self.upload_is_gone(remembered, upload, plan, likeness, journal, history).await;
            }
            Err(error) if error.server().is_some_and(|e| e.status() == StatusCode::FORBIDDEN) => {
                tracing::warn!(%error, "the parts may not be listed; going on from the checkpoint alone");
                None
            }
            // A passing failure says nothing of the upload; a later run asks again.
            Err(error) => return Err(error),
        };
        let unproved;
        (upload.parts, unproved) = match listed {
            Some(listed) => compared(remembered.parts, listed, plan),
            None => (remembered.parts, Vec::new()),
        };
        if !self.is_same_source(&likeness, &upload.parts, plan, journal).await? {
            history.restarts.push(Restart::SourceChanged);
            return self.anew(Some(&upload.id), journal, history).await;
        }
        for there in unproved {
            let range = plan.range(there.number);
            let Some(theirs) = there.crc64 else { continue };
            let operation = Operation::UploadPart(there.number);
            if journal.keep(self.local_crc64(operation, range)).await? == theirs {
                let ListedPart { number, size, etag, .. } = there;
                let part = SentPart { number, size, etag, crc64: theirs };
                journal.part(&part).await?;
                upload.parts.insert(number, part);
            }
        }
        upload.resumed = u32::try_from(upload.parts.len()).unwrap_or(u32::MAX);
        upload.bytes_resumed = upload.size();
        if let Some(tally) = &self.tally {
            tally.resumed(upload.bytes_resumed);
        }
        Ok(Found::Upload(upload))
    }

    /// Lists the parts, once a Complete of the run before has ended or had time to. A second one beside it might call
    /// the application server twice.
    async fn list_when_settled(
        &self,
        upload_id: &str,
        remembered: &Remembered,
        plan: Plan,
        journal: &mut Journal,
    ) -> Result<Vec<ListedPart>, Error> {
        let until = remembered.completing.and_then(|completing| completing.until).unwrap_or_default();
        let (mut deadline, mut pause) = (None, FIRST_PAUSE);
        loop {
            let listed = journal.keep(self.multipart().list_parts(upload_id)).await;
            // Told only now: OSS's first answer says what its clock says.
            let deadline = *deadline.get_or_insert_with(|| {
                let now = seconds(self.engine.wire.clock.server_now());
                let left = Duration::from_secs(until.saturating_sub(now));
                // A clock that was set back must not make this wait for days.
                Instant::now() + left.min(time_to_end(plan.parts().into()))
            });
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || matches!(&listed, Err(error) if error.has_code("NoSuchUpload")) {
                return listed;
            }
            journal.rest(pause.min(left)).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Compares the bytes of the parts that earlier runs sent with those the source has now, where the source is in
    /// doubt or the user wants it always.
    async fn is_same_source(
        &self,
        likeness: &Likeness,
        parts: &BTreeMap<u16, SentPart>,
        plan: Plan,
        journal: &mut Journal,
    ) -> Result<bool, Error> {
        if !self.must_compare(likeness) {
            return Ok(true);
        }
        let doubtful = matches!(likeness, Likeness::Doubtful);
        for part in parts.values() {
            let operation = Operation::UploadPart(part.number);
            if journal.keep(self.local_crc64(operation, plan.range(part.number))).await? != part.crc64 {
                return Ok(false);
            }
        }
        if let (true, Some(source)) = (doubtful, journal.source.clone()) {
            journal.append(Record::Rechecked { source }, Durability::Buffered).await?;
        }
        Ok(true)
    }
}

/// The parts both sides have, and those OSS has that only their bytes can prove.
fn compared(
    mut ours: BTreeMap<u16, SentPart>,
    listed: Vec<ListedPart>,
    plan: Plan,
) -> (BTreeMap<u16, SentPart>, Vec<ListedPart>) {
    let (mut both, mut unproved) = (BTreeMap::new(), Vec::new());
    for there in listed.into_iter().filter(|there| plan.fits(there.number, there.size)) {
        match ours.remove(&there.number) {
            Some(part) if same_etag(&part.etag, &there.etag) => {
                both.insert(part.number, part);
            }
            _ => unproved.push(there),
        }
    }
    (both, unproved)
}

/// OSS quotes ETags in headers and listings alike; a proxy may not.
pub(crate) fn same_etag(a: &str, b: &str) -> bool {
    a.trim_matches('"').eq_ignore_ascii_case(b.trim_matches('"'))
}
