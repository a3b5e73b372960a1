//! Uploads from a form: the policy, its conditions and the fields that carry its signature.
//!
//! Source: OSS documentation, "PostObject" (appendix "Policy") and "Signature V4 of POST requests".

pub(crate) mod condition;
mod fields;
mod policy;
mod sign;

pub use fields::PostFields;
pub use policy::{PolicyError, PostPolicy};
