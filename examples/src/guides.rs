//! The guides of `docs/guides`, so that their Rust is compiled with the tests.

#[doc = include_str!("../../docs/guides/uploading.md")]
mod uploading {}
#[doc = include_str!("../../docs/guides/receiving.md")]
mod receiving {}
#[doc = include_str!("../../docs/guides/resuming.md")]
mod resuming {}
#[doc = include_str!("../../docs/guides/errors.md")]
mod errors {}
#[doc = include_str!("../../docs/guides/custom-layers.md")]
mod custom_layers {}
#[doc = include_str!("../../docs/guides/testing-with-the-emulator.md")]
mod testing_with_the_emulator {}
#[doc = include_str!("../../docs/guides/moving-from-other-sdks.md")]
mod moving_from_other_sdks {}
#[doc = include_str!("../../docs/guides/many-uploaders.md")]
mod many_uploaders {}
#[doc = include_str!("../../docs/guides/security.md")]
mod security {}
#[doc = include_str!("../../docs/guides/direct-upload.md")]
mod direct_upload {}
#[doc = include_str!("../../docs/ja/callback.md")]
mod callback_in_japanese {}
#[doc = include_str!("../../README.ja.md")]
mod readme_in_japanese {}
#[doc = include_str!("../../README.md")]
mod readme {}
