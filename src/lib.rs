//! A chat bridge between MSN Messenger and Matrix.
