//! Adapter: the few words of SMTP (RFC 5321, STARTTLS of RFC 3207, AUTH PLAIN and LOGIN) that handing over one
//! message takes.

use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lettre::Address;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::{EmailParams, Security};
use crate::alert::{Answer, answer_line};

/// From whom, to whom.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// Where it is sent back to.
    pub from: Address,
    /// Each is told, or the attempt has failed.
    pub to: Vec<Address>,
}

/// Longest answer line that is read, bytes.
const MOST_LINE: u64 = 4096;
/// Most lines of one answer.
const MOST_LINES: usize = 100;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// TLS as the system, or the file of certificates, trusts it.
///
/// # Errors
/// One sentence: the file cannot be used.
pub fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, String> {
    use rustls_platform_verifier::BuilderVerifierExt as _;
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS cannot be used: {e}"))?;
    let Some(path) = ca_file else {
        let config = builder.with_platform_verifier().map_err(|e| format!("TLS cannot be used: {e}"))?;
        return Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())));
    };
    let wrong = |why: String| format!("{}: {why}; name a PEM file of certificates", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| wrong(e.to_string()))? {
        let certificate = certificate.map_err(|e| wrong(e.to_string()))?;
        roots.add(certificate).map_err(|e| wrong(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("it holds no certificate".into()));
    }
    Ok(TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
}

/// Hands a message over. What the server says to it is the answer.
///
/// # Errors
/// Any step that the server refuses, by what it says; no secret is in it.
pub async fn send(
    params: &EmailParams,
    tls: Option<&TlsConnector>,
    envelope: &Envelope,
    message: &[u8],
) -> std::io::Result<Answer> {
    let tcp = TcpStream::connect((params.host.as_str(), params.port)).await?;
    tcp.set_nodelay(true)?;
    let mut talk = match (params.security, tls) {
        (Security::None, _) => Talk::greeted(Box::new(tcp) as Box<dyn Stream>).await?,
        (Security::Tls, Some(tls)) => Talk::greeted(secured(tls, &params.host, tcp).await?).await?,
        (Security::Starttls, Some(tls)) => {
            let mut open = Talk::greeted(tcp).await?;
            open.hello().await?;
            open.ask("STARTTLS", 220).await?;
            // What came in the open after the answer must not be taken for the secured server's.
            if !open.stream.buffer().is_empty() {
                return Err(refused("the server spoke on after STARTTLS"));
            }
            Talk { stream: BufReader::new(secured(tls, &params.host, open.stream.into_inner()).await?) }
        }
        (_, None) => return Err(refused("TLS is not set up")),
    };
    talk.hello().await?;
    if let Some((user, password)) = &params.login {
        talk.log_in(user, password.reveal()).await?;
    }
    talk.ask(&format!("MAIL FROM:<{}>", envelope.from), 250).await?;
    for to in &envelope.to {
        talk.ask(&format!("RCPT TO:<{to}>"), 250).await?;
    }
    talk.ask("DATA", 354).await?;
    let answer = talk.data(message).await?;
    // It has the message; whether it says goodbye changes nothing.
    let _ = talk.ask("QUIT", 221).await;
    Ok(answer)
}

async fn secured(tls: &TlsConnector, host: &str, tcp: TcpStream) -> std::io::Result<Box<dyn Stream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(|e| Error::new(ErrorKind::InvalidInput, e))?;
    Ok(Box::new(tls.connect(name, tcp).await?))
}

fn refused(what: &str) -> Error {
    Error::other(what.to_owned())
}

struct Talk<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    async fn greeted(stream: S) -> std::io::Result<Self> {
        let mut talk = Self { stream: BufReader::new(stream) };
        talk.expect(220, "its greeting").await?;
        Ok(talk)
    }

    async fn hello(&mut self) -> std::io::Result<Answer> {
        // RFC 5321, 4.1.3: an address literal where the name is not known.
        self.ask("EHLO [127.0.0.1]", 250).await
    }

    async fn ask(&mut self, line: &str, code: u16) -> std::io::Result<Answer> {
        if line.contains(['\r', '\n']) {
            return Err(refused("a line break in a mail address"));
        }
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.expect(code, line).await
    }

    async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// `what`: what it answers, for the error; never a secret.
    async fn expect(&mut self, code: u16, what: &str) -> std::io::Result<Answer> {
        let (said, answer) = self.answer().await?;
        if said == code { Ok(answer) } else { Err(refused(&answer_line(&format!("to {what} it said: {answer}")))) }
    }

    async fn answer(&mut self) -> std::io::Result<(u16, Answer)> {
        use tokio::io::AsyncReadExt as _;
        let mut text = String::new();
        for _ in 0..MOST_LINES {
            let mut line = Vec::new();
            (&mut self.stream).take(MOST_LINE).read_until(b'\n', &mut line).await?;
            if line.is_empty() {
                return Err(Error::new(ErrorKind::UnexpectedEof, "the mail server hung up"));
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            let code = line.get(..3).and_then(|c| c.parse().ok()).ok_or_else(|| refused("that is no mail server"))?;
            let last = line.as_bytes().get(3) != Some(&b'-');
            text.push_str(line.trim());
            text.push(' ');
            if last {
                return Ok((code, answer_line(&text)));
            }
        }
        Err(refused("the mail server's answer has no end"))
    }

    async fn log_in(&mut self, user: &str, password: &str) -> std::io::Result<()> {
        let plain = BASE64.encode(format!("\0{user}\0{password}"));
        self.write(format!("AUTH PLAIN {plain}\r\n").as_bytes()).await?;
        match self.answer().await? {
            (235, _) => return Ok(()),
            // The server knows another way only.
            (504, _) => {}
            (_, answer) => return Err(refused(&answer_line(&format!("to the login it said: {answer}")))),
        }
        self.ask("AUTH LOGIN", 334).await?;
        self.write(format!("{}\r\n", BASE64.encode(user)).as_bytes()).await?;
        self.expect(334, "the user").await?;
        self.write(format!("{}\r\n", BASE64.encode(password)).as_bytes()).await?;
        self.expect(235, "the password").await.map(drop)
    }

    async fn data(&mut self, message: &[u8]) -> std::io::Result<Answer> {
        self.write(&stuffed(message)).await?;
        self.expect(250, "the message").await
    }
}

/// A line that begins with a dot gets another, and one dot alone ends it all (RFC 5321, 4.5.2).
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 64);
    let mut at_line_start = true;
    for &byte in message {
        if at_line_start && byte == b'.' {
            bytes.push(b'.');
        }
        bytes.push(byte);
        at_line_start = byte == b'\n';
    }
    if !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_at_the_beginning_of_a_line_does_not_end_the_message() {
        assert_eq!(stuffed(b".a\r\nb.\r\n.\r\nc"), b"..a\r\nb.\r\n..\r\nc\r\n.\r\n");
    }
}
