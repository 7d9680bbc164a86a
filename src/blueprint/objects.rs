//! What the objects of sections are called that other sections know.

/// The bucket for static files.
pub const ASSETS: &str = "assets";
/// The bucket for the logs of the CDN's distribution.
pub const CDN_LOGS: &str = "cdn-logs";
