//! What a vendor's gateway says inside of an SSH session that it could not connect.

/// Words with which a vendor's gateway answers in place of the machine, after the login, and what to do
/// then.
///
/// A gateway that cannot reach its machine has let the user in already, so all it can do is to write a
/// line and end with a status. `ssh` passes both on as if they were the command's own; only the provider
/// knows the words.
///
/// ```
/// use anyssh_core::GatewayMessage;
/// let asleep = GatewayMessage::new("[POND_ASLEEP]", "try again in a moment");
/// assert!(asleep.is_in("[POND_ASLEEP] no duck answers") && !asleep.is_in("see [POND_ASLEEP]"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GatewayMessage {
    /// How the line begins.
    pub marker: &'static str,
    /// One next step for the user.
    pub hint: &'static str,
}

impl GatewayMessage {
    /// A line that begins with `marker`, and what to do about it.
    pub const fn new(marker: &'static str, hint: &'static str) -> Self {
        Self { marker, hint }
    }

    /// Whether this line is the message.
    pub fn is_in(&self, line: &str) -> bool {
        line.starts_with(self.marker)
    }
}
