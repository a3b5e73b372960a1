use super::run::{Run, Upload};
use crate::error::Error;
use crate::progress::Stage;
use crate::uploaded::{Report, Restart, StoredObject, Uploaded, stored_mut};

/// What happened on the way, for the report.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) restarts: Vec<Restart>,
    pub(crate) orphans: Vec<String>,
    /// Uploads that were given up, which are no orphans whatever the checkpoint says.
    pub(crate) abandoned: Vec<String>,
}

impl History {
    pub(crate) fn is_empty(&self) -> bool {
        self.restarts.is_empty() && self.orphans.is_empty()
    }

    /// Adds what happened to the report of an upload that went on without parts.
    pub(crate) fn told(self, mut ended: Result<Uploaded, Error>) -> Result<Uploaded, Error> {
        if let Some(Uploaded { report, .. }) = stored_mut(&mut ended) {
            (report.restarts, report.orphans) = (self.restarts, self.orphans);
        }
        ended
    }

    pub(crate) fn orphan(&mut self, upload_id: &str) {
        if !self.orphans.iter().any(|known| known == upload_id) {
            self.orphans.push(upload_id.to_owned());
        }
    }

    pub(crate) fn abandoned(&mut self, upload_id: &str) {
        self.orphans.retain(|known| known != upload_id);
        self.abandoned.push(upload_id.to_owned());
    }
}

impl Run<'_> {
    /// The object an earlier run had stored without hearing of it.
    pub(crate) fn found_stored(&self, object: StoredObject, history: History) -> Uploaded {
        if let Some(tally) = &self.tally {
            tally.resumed(object.size);
            tally.stage(Stage::Stored);
        }
        let bytes_resumed = object.size;
        let report = Report { bytes_resumed, ..self.report(history) };
        Uploaded { report, ..self.stored_unheard(object) }
    }

    pub(crate) fn with_report(
        &self,
        mut ended: Result<Uploaded, Error>,
        upload: &Upload,
        history: History,
    ) -> Result<Uploaded, Error> {
        let Some(uploaded) = stored_mut(&mut ended) else { return ended };
        if let Some(tally) = &self.tally {
            tally.stage(Stage::Stored);
        }
        let parts_sent = u32::try_from(upload.parts.len()).unwrap_or(u32::MAX) - upload.resumed;
        uploaded.report = Report {
            parts_sent,
            parts_resent: self.ledger.part_requests().saturating_sub(parts_sent),
            parts_resumed: upload.resumed,
            bytes_resumed: upload.bytes_resumed,
            ..self.report(history)
        };
        ended
    }

    fn report(&self, history: History) -> Report {
        Report {
            restarts: history.restarts,
            orphans: history.orphans,
            throttled: self.gate.reductions(),
            ..self.ledger.report()
        }
    }
}
