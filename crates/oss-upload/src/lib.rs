#![doc = include_str!("../README.md")]

mod bandwidth;
mod body;
mod call;
mod callback_failure;
mod checkpoint;
mod clock;
mod content_md5;
mod crc64;
mod credentials;
mod delete_object;
mod error;
mod flow;
mod gate;
mod head_object;
mod limits;
mod look;
mod memory;
mod multipart;
mod multipart_upload;
mod operation;
mod options;
mod presign;
mod presign_post;
mod presign_put;
mod presigned_put;
mod presigned_uploader;
mod progress;
mod put_object;
mod resumable;
mod retry;
mod server_error;
mod source;
mod sweep;
mod uploaded;
mod uploader;

pub use callback_failure::{CallbackFailed, CallbackFailure};
pub use checkpoint::{
    Checkpoint, CheckpointError, CheckpointId, CheckpointStore, Durability, FileCheckpoints,
    MemoryCheckpoints, Record, Recorded,
};
pub use crc64::{Crc64, Crc64Append};
pub use credentials::{CachedCredentials, CredentialsError, ProvideCredentials};
pub use delete_object::DeleteObject;
pub use error::{Error, ObjectState};
pub use head_object::{HeadObject, ObjectHead};
pub use limits::{Phase, TimeLimits};
pub use multipart_upload::{CompleteMultipartUpload, InitiateMultipartUpload, MultipartUpload, UploadedPart};
pub use operation::Operation;
pub use options::{ObjectAcl, ObjectOptions, ServerSideEncryption, StorageClass};
pub use presign_post::{PresignPost, PresignedPost};
pub use presign_put::PresignPut;
pub use presigned_put::PresignedPut;
pub use presigned_uploader::{PresignedUploader, PutPresigned};
pub use progress::{Progress, Stage};
pub use put_object::PutObject;
pub use resumable::{Recheck, ResumableUpload};
pub use retry::{Backoff, Failure, NoRetry, RetryPolicy};
pub use server_error::ServerError;
pub use source::{
    BytesSource, Content, Crc64Slot, FileSource, Source, SourceError, SourceIdentity, StreamSource,
    SummedBody,
};
pub use sweep::{OpenUpload, SweepUploads, Swept, Unswept};
pub use uploaded::{AnswerError, CallbackAnswer, CallbackOutcome, Report, Restart, StoredObject, Uploaded};
pub use uploader::{Uploader, UploaderBuilder};
