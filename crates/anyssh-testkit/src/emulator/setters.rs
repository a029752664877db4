//! What the builders of all emulators have in common: where they listen, and how patient they are.

/// `with_port` and `with_deadline`, for a builder with these two fields. `$port` and `$deadline` are what is to
/// be said about them.
macro_rules! listening {
    (port: $port:literal, deadline: $deadline:literal) => {
        #[doc = $port]
        pub fn with_port(mut self, port: u16) -> Self {
            self.port = port;
            self
        }

        #[doc = $deadline]
        pub fn with_deadline(mut self, deadline: std::time::Duration) -> Self {
            self.deadline = deadline;
            self
        }
    };
}

/// `with_api_key` and `with_prefix`, for a builder with these two fields.
macro_rules! keyed {
    () => {
        /// Another key than the usual one.
        pub fn with_api_key(mut self, key: &str) -> Self {
            self.api_key = key.to_owned();
            self
        }

        /// A path in the base URL, such as `/dcs`, below which everything is.
        pub fn with_prefix(mut self, prefix: &str) -> Self {
            self.prefix = prefix.to_owned();
            self
        }
    };
}

pub(super) use {keyed, listening};
