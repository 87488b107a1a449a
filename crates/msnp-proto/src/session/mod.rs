//! A whole signed-in client.
