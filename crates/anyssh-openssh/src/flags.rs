//! What the user may ask of ssh, parsed.

/// How much of ssh's log the user wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `-q`: nothing.
    Quiet,
    /// What ssh says by itself.
    #[default]
    Info,
    /// `-v`.
    Debug1,
    /// `-vv`.
    Debug2,
    /// `-vvv`.
    Debug3,
}
