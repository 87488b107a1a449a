//! An embedded MSN network for tests, demos and clients.
