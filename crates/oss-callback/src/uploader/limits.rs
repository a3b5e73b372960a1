//! The limits of the "Callback" page of the OSS documentation and of its error-code pages.

/// URLs in one `callbackUrl` (EC 0007-00000005).
pub(crate) const URLS: usize = 5;

/// Length of the base64 text of `callback` and of `callback-var` (EC 0007-00000001 and -00000101). OSS says
/// "5 KB" without saying of what; the encoded text is the stricter reading.
pub(crate) const ENCODED_BYTES: usize = 5 * 1024;

/// Advice, not a rule: custom variables in one callback.
pub(crate) const CUSTOM_VARIABLES: usize = 10;

/// Advice, not a rule: names and values of all custom variables together.
pub(crate) const CUSTOM_BYTES: usize = 512;
