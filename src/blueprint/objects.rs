//! What the objects of sections are called that other sections and commands know.

/// The distribution of `cdn`.
pub const DISTRIBUTION: &str = "main";
/// The bucket for static files.
pub const ASSETS: &str = "assets";
/// The bucket for the logs of the CDN's distribution.
pub const CDN_LOGS: &str = "cdn-logs";
/// The role of `access.auditor`.
pub const AUDITOR: &str = "auditor";
/// The role of `access.break_glass`.
pub const BREAK_GLASS: &str = "break-glass";
/// What the name of a pipeline's role ends with.
pub const PIPELINE: &str = "-pipeline";
