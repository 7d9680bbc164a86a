//! Objects: what `stack assets push` reads and writes.
