//! Whole ways into a pod: a scripted control plane, and a WebSocket bridge before something that speaks first.

mod debug;
mod kit;
mod provider;
mod reach;
mod relaunch;
