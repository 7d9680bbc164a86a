//! Invalidations.
