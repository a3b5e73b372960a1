//! What the signature does not say: whose callback it is, how old it is, whether it came before.

pub(crate) mod claims;
pub(crate) mod freshness;
pub(crate) mod replay;
pub(crate) mod token;
