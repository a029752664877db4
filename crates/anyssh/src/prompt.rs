//! The question whether a host key never seen before is trusted.
