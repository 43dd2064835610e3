//! Packets into one MP4 that plays alone, in memory.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::context::StreamIo;

use crate::error::MediaError;
use crate::packet::Packet;
use crate::raw;
use crate::timing::Timed;

/// The bytes written so far. FFmpeg keeps the writer, so what it wrote is shared with it.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A fragmented MP4 (`ftyp`, `moov`, then `moof` and `mdat` for each key frame) of `packets` with `times`.
///
/// The index is written late (`delay_moov`), when the first times are known: only so does a stream with
/// B-frames begin at 0 and not at its decoder's delay.
pub(crate) fn fragmented_mp4(
    parameters: &ffmpeg::codec::Parameters,
    time_base: ffmpeg::Rational,
    packets: &[Packet],
    times: &[Timed],
) -> Result<Vec<u8>, MediaError> {
    let failed = MediaError::codec("write an MP4 segment");
    let sink = Sink::default();
    let io = StreamIo::from_write(sink.clone()).map_err(&failed)?;
    let mut output = ffmpeg::format::output_to_stream(io, None, Some("mp4")).map_err(&failed)?;
    let mut tagged = parameters.clone();
    raw::tag_for_mp4(&mut tagged);
    {
        let mut stream = output.add_stream(ffmpeg::codec::Id::None).map_err(&failed)?;
        stream.set_parameters(tagged);
        stream.set_time_base(time_base);
    }
    let mut options = ffmpeg::Dictionary::new();
    options.set("movflags", "frag_keyframe+empty_moov+default_base_moof+delay_moov");
    output.write_header_with(options).map_err(&failed)?;
    // The muxer may have chosen finer ticks.
    let written_in = output.stream(0).map_or(time_base, |stream| stream.time_base());
    for (packet, time) in packets.iter().zip(times) {
        let mut out = raw::share_packet(packet.raw()).map_err(&failed)?;
        out.set_stream(0);
        out.set_position(-1);
        out.set_pts(Some(time.pts));
        out.set_dts(Some(time.dts));
        out.set_duration(time.duration);
        out.rescale_ts(time_base, written_in);
        out.write(&mut output).map_err(&failed)?;
    }
    output.write_trailer().map_err(&failed)?;
    drop(output);
    Ok(std::mem::take(&mut *sink.0.lock().unwrap_or_else(PoisonError::into_inner)))
}
