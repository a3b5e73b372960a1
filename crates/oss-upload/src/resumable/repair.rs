use super::journal::Journal;
use super::resume::same_etag;
use super::run::{Run, Upload};
use crate::error::Error;
use crate::multipart::ListedPart;

impl Run<'_> {
    /// OSS does not accept a part at Complete: it is gone, or somebody put other bytes in its place. Sends again what
    /// differs from OSS's list, and the part the answer names.
    ///
    /// Gives the refusal back if the source cannot be read a second time or nothing is found to repair.
    pub(crate) async fn repair(
        &self,
        refusal: Error,
        upload: &mut Upload,
        journal: &mut Journal,
    ) -> Result<(), Error> {
        let listed = match journal.keep(self.multipart().list_parts(&upload.id)).await {
            Ok(listed) => Some(listed),
            Err(error) if error.server().is_some_and(|refusal| !refusal.is_transient()) => None,
            Err(error) => return Err(error),
        };
        let named = refusal.server().and_then(|refusal| refusal.part_number());
        let broken: Vec<u16> = upload
            .parts
            .values()
            .filter(|part| {
                let there = listed.as_ref().map(|listed| {
                    listed.iter().any(|there: &ListedPart| {
                        there.number == part.number
                            && there.size == part.size
                            && same_etag(&there.etag, &part.etag)
                    })
                });
                named == Some(part.number) || there == Some(false)
            })
            .map(|part| part.number)
            .collect();
        let (Some(plan), false) = (upload.plan, broken.is_empty()) else { return Err(refusal) };
        tracing::warn!(?broken, "OSS does not accept these parts; sending them again");
        self.send(self.ranges(plan, broken.into()), upload, journal).await
    }
}
