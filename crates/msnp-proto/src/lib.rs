//! The MSN Messenger protocol without I/O: framing, commands, message bodies, sessions.
