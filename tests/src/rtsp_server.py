"""Serves one H.264 clip over RTSP, as a camera would: rtsp_server.py PORT CLIP.

Every client gets the clip from its beginning, paced by its timestamps. Prints one line when it listens.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

port, clip = sys.argv[1], sys.argv[2]
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f'( filesrc location="{clip}" ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )'
)
factory.set_shared(False)
server.get_mount_points().add_factory("/camera", factory)
if server.attach(None) == 0:
    print("port taken", flush=True)
    sys.exit(3)
print("listening", flush=True)
GLib.MainLoop().run()
