//! The whole bridge, as its users see it: the program as a process, an MSN network with MSN clients on
//! it, a real Synapse with a real Matrix client, a Discord on the loopback behind serenity's real code.

mod commands;
mod discord;
mod exposition;
mod faults;
mod matrix;
mod matrix_rooms;
mod support;
mod watched;
