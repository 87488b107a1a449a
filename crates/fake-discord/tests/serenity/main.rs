//! The loopback's Discord through serenity's own client: what it can do, and what it is refused.

mod commands;
mod events;
mod forums;
mod gateway;
mod limits;
mod rest;
mod support;
