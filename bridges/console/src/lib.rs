//! The smallest complete adapter: rooms on a terminal.
