//! Proving who one is: the Passport sign-in, and challenges against foreign programs.

pub mod challenge;
pub mod passport;
