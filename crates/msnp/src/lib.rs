//! An MSN Messenger client on tokio.
