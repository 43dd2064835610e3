//! Port clashes, told before a program fails over one in its own words.

use std::net::{Ipv4Addr, TcpListener};

use super::ChildError;

/// Which ports a program wants, and what a person changes to give it others.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) program: &'static str,
    pub(super) ports: Vec<u16>,
    pub(super) flag: &'static str,
    pub(super) key: &'static str,
}

impl Wanted {
    /// That each is free now. The program binds them itself, and a race is told by its own log.
    pub(super) fn check(&self) -> Result<(), ChildError> {
        let taken = self.ports.iter().find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, **port)).is_err());
        match taken {
            None => Ok(()),
            Some(port) => Err(ChildError::PortTaken {
                port: *port,
                program: self.program,
                ports: self.words(),
                flag: self.flag,
                key: self.key,
            }),
        }
    }

    fn words(&self) -> String {
        match self.ports[..] {
            [] => "no port".into(),
            [one] => format!("port {one}"),
            [first, .., before_last, last] if before_last + 1 != last => {
                format!("ports {first} to {before_last} and {last}")
            }
            [first, .., last] => format!("ports {first} to {last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_the_key_that_changes_it() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = held.local_addr().unwrap().port();
        let wanted = Wanted { program: "mosquitto", ports: vec![port], flag: "--mqtt-port", key: "children.mqtt_port" };
        let error = wanted.check().unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "port {port} is in use by another program: mosquitto needs port {port}; choose others with --mqtt-port or `children.mqtt_port`"
            )
        );
    }
}
