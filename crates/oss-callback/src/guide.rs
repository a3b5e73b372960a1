//! Guides: pages to read, no items to use.

#[doc = include_str!("../docs/uploader.md")]
///
/// ## Items named here
///
/// [`Callback::preview`](crate::Callback::preview), [`Callback::encode`](crate::Callback::encode),
/// [`Variable`](crate::Variable), [`Custom`](crate::Custom), [`Freshness`](crate::Freshness).
pub mod uploader {}

#[doc = include_str!("../docs/receiver.md")]
///
/// ## Items named here
///
/// [`Verifier::expect_target`](crate::Verifier::expect_target),
/// [`Verifier::expect_path`](crate::Verifier::expect_path),
/// [`Verifier::expect_body_type`](crate::Verifier::expect_body_type),
/// [`Verifier::begin`](crate::Verifier::begin), [`Pending::body_limit`](crate::Pending::body_limit),
/// [`Pending::finish`](crate::Pending::finish), [`ExternalTarget`](crate::ExternalTarget),
/// [`string_to_sign`](crate::string_to_sign), [`Reply`](crate::Reply),
/// [`Verified::form`](crate::Verified::form), [`Verified::json`](crate::Verified::json),
/// [`Verified::unsigned`](crate::Verified::unsigned), [`TokenKey`](crate::TokenKey),
/// [`Freshness`](crate::Freshness), [`ReplayGuard`](crate::ReplayGuard).
pub mod receiver {}

#[doc = include_str!("../docs/errors.md")]
///
/// ## Items named here
///
/// [`CallbackError::ec`](crate::CallbackError::ec), [`DecodeError::ec`](crate::DecodeError::ec),
/// [`VerifyError::status`](crate::VerifyError::status), [`VerifyError::code`](crate::VerifyError::code),
/// [`Reply`](crate::Reply).
pub mod errors {}
