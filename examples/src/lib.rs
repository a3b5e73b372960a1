//! Scenarios live one per file beside this one; this library is what they share.
