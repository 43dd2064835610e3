//! Out to the broker, over two connections so that footage never delays a frame.
//!
//! [`window`] is pure: which segment is sent next. [`mailbox`] holds the newest frame and no other.
//! [`mqtt`] is the only place that names the MQTT client. [`urgent`] sends frames and hears what is asked
//! of this camera; [`footage`] sends segments until they are acknowledged.

pub mod footage;
pub mod mailbox;
pub mod mqtt;
pub mod urgent;
pub mod window;
