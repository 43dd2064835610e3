"""Who is told of alerts: an SMTP server, an ntfy-compatible server and a webhook: receivers.py DIR SECRET TOKEN.

Every request and mail becomes a line of JSON in DIR/requests.jsonl or DIR/mails.jsonl. How the webhook behaves stands
in DIR/hook: a list of 503, hang, reset or slow, one for each request; after the last, requests are taken. The SMTP
server wants STARTTLS with DIR/cert.pem and the login kim / TOKEN. Prints one line when all of them listen.

The ntfy part does what the server of https://docs.ntfy.sh/publish/ does with what Paddock sends: bearer tokens, RFC
2047 in headers, priorities 1 to 5, actions, attachments by PUT, and its errors' status and body.
"""

import asyncio
import email
import email.header
import email.policy
import hashlib
import hmac
import json
import pathlib
import re
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

DIR, SECRET, TOKEN = pathlib.Path(sys.argv[1]), sys.argv[2].encode(), sys.argv[3]
LOCK = threading.Lock()


def write(name, record):
    with LOCK, open(DIR / name, "a") as file:
        file.write(json.dumps(record) + "\n")


def next_behaviour():
    path = DIR / "hook"
    with LOCK:
        lines = path.read_text().split() if path.exists() else []
        if lines and lines[0] != "down":
            path.write_text("\n".join(lines[1:]))
        return lines[0] if lines else "take"


def header(text):
    return str(email.header.make_header(email.header.decode_header(text))) if text else ""


class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def hook(self, body):
        stamp = self.headers.get("X-Paddock-Timestamp", "")
        expected = "sha256=" + hmac.new(SECRET, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        behaviour = next_behaviour()
        record = {
            "to": "hook",
            "behaviour": behaviour,
            "delivery": self.headers.get("X-Paddock-Delivery"),
            "idempotency_key": self.headers.get("Idempotency-Key"),
            "signed": hmac.compare_digest(expected, self.headers.get("X-Paddock-Signature", "")),
            "fresh": abs(time.time() - int(stamp or 0)) < 60,
            "body": json.loads(body),
        }
        write("requests.jsonl", record)
        if behaviour in ("503", "down"):
            return self.answer(503, {"error": "not yet"})
        if behaviour == "reset":
            self.close_connection = True
            self.connection.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER of 0: a reset, no end
            return self.connection.close()
        if behaviour == "hang":
            time.sleep(20)
        if behaviour == "slow":
            time.sleep(3)
        return self.answer(200, {"ok": True})

    def ntfy(self, topic, body):
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, {"code": 40101, "http": 401, "error": "unauthorized"})
        priority = self.headers.get("X-Priority", "3")
        if priority not in "12345" or not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", topic):
            return self.answer(400, {"code": 40007, "http": 400, "error": "invalid request: priority invalid"})
        attached = self.headers.get("X-Filename")
        message = header(self.headers.get("X-Message")) if attached else body.decode()
        record = {
            "to": "ntfy",
            "topic": topic,
            "title": header(self.headers.get("X-Title")),
            "message": message,
            "priority": int(priority),
            "tags": self.headers.get("X-Tags", "").split(","),
            "actions": header(self.headers.get("X-Actions")),
            "click": header(self.headers.get("X-Click")),
            "jpeg": attached is not None and body[:2] == b"\xff\xd8",
        }
        write("requests.jsonl", record)
        return self.answer(200, {"id": "x", "event": "message", "topic": topic, "message": message})

    def take(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = self.path.strip("/").split("/")
        if parts == ["hook"]:
            return self.hook(body)
        if len(parts) == 2 and parts[0] == "ntfy":
            return self.ntfy(parts[1], body)
        return self.answer(404, {"error": "page not found"})

    do_POST = do_PUT = take

    def log_message(self, *_):
        pass


class Mails:
    async def handle_DATA(self, _server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part for part in message.walk()}
        still = parts.get("image/jpeg")
        record = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None,
            "login": session.authenticated,
            "id": message["Message-ID"],
            "subject": message["Subject"],
            "text": parts["text/plain"].get_content(),
            "html": parts["text/html"].get_content(),
            "inline": still is not None and still["Content-Disposition"] == "inline" and still["Content-ID"] == "<still>",
            "jpeg": still is not None and still.get_content()[:2] == b"\xff\xd8",
        }
        write("mails.jsonl", record)
        return "250 OK: queued as 1"


def authenticate(_server, _session, _envelope, _mechanism, data):
    good = isinstance(data, LoginPassword) and data.login == b"kim" and data.password == TOKEN.encode()
    return AuthResult(success=good, handled=False)


def smtp_server():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(DIR / "cert.pem", DIR / "key.pem")
    return SMTP(
        Mails(),
        hostname="localhost",
        tls_context=tls,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
    )


async def main():
    web = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    web.daemon_threads = True
    threading.Thread(target=web.serve_forever, daemon=True).start()
    post = await asyncio.get_running_loop().create_server(smtp_server, "127.0.0.1", 0)
    smtp_port = post.sockets[0].getsockname()[1]
    print(f"listening http={web.server_address[1]} smtp={smtp_port} end", flush=True)
    await post.serve_forever()


asyncio.run(main())
