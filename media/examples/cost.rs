//! What each step costs a frame, in processor time: `cargo run -p media --example cost -- FILE`.

use media::{
    JpegEncoder, MediaError, OpenOptions, Packet, Picture, SegmentOptions, SegmentReader, Segmenter, Source, SourceUrl,
};

/// Processor time of this thread so far; Linux tells it in nanoseconds. On a busy machine it means more than
/// the time on the wall.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
}

/// Runs `step` over all packets and prints the time per packet.
fn timed(
    name: &str,
    packets: &[Packet],
    mut step: impl FnMut(&Packet) -> Result<(), MediaError>,
) -> Result<(), MediaError> {
    let began = cpu_ms();
    packets.iter().try_for_each(&mut step)?;
    println!("{name:32} {:8.3} ms a frame", (cpu_ms() - began) / packets.len() as f64);
    Ok(())
}

fn main() -> Result<(), MediaError> {
    let file = std::env::args().nth(1).unwrap_or_default();
    let mut source = Source::open(&SourceUrl::parse(&file)?, &OpenOptions::default())?;
    println!("{:?}", source.info());
    let mut packets = Vec::new();
    while let Some(packet) = source.read()? {
        packets.push(packet);
    }
    let mut decoder = source.decoder(None)?;
    timed("decode", &packets, |packet| decoder.decode_frames(packet).map(drop))?;
    let mut decoder = source.decoder(None)?;
    timed("decode, luma 320", &packets, |packet| decoder.luma(packet, 320).map(drop))?;
    let mut decoder = source.decoder(None)?;
    timed("decode, brightness 256", &packets, |packet| {
        decoder.decode_frames(packet).map(|frames| frames.iter().for_each(|frame| drop(frame.brightness(256))))
    })?;
    let (mut decoder, mut jpegs, mut bytes) = (source.decoder(None)?, JpegEncoder::default(), 0);
    timed("decode, JPEG 640", &packets, |packet| {
        for frame in decoder.decode_frames(packet)? {
            bytes += jpegs.encode(&frame, 640, 80)?.bytes.len();
        }
        Ok(())
    })?;
    println!("{:32} {:8.1} KB a frame", "JPEG 640, quality 80", bytes as f64 / 1e3 / packets.len() as f64);
    let mut decoder = source.decoder(Some(640))?;
    timed("decode, BGR 640", &packets, |packet| decoder.decode(packet).map(drop))?;
    let mut segments = Vec::new();
    let mut segmenter = source.segmenter(SegmentOptions::default())?;
    let name = if segmenter.remux() { "copy into segments" } else { "encode into segments" };
    timed(name, &packets, |packet| segmenter.push(packet).map(|segment| segments.extend(segment)))?;
    segments.extend(segmenter.finish()?);
    let began = cpu_ms();
    let mut frames = 0;
    for segment in &segments {
        let mut reader = SegmentReader::open(segment.bytes.clone())?;
        while reader.next_frame()?.is_some() {
            frames += 1;
        }
    }
    println!("{:32} {:8.3} ms a frame", "decode from memory", (cpu_ms() - began) / f64::from(frames));
    encode_drawn(&source, &packets)
}

/// What encoding costs when decoding is done already.
fn encode_drawn(source: &Source, packets: &[Packet]) -> Result<(), MediaError> {
    let mut decoder = source.decoder(None)?;
    let mut pictures: Vec<Picture> = Vec::new();
    for packet in packets.iter().take(50) {
        pictures.extend(decoder.decode(packet)?);
    }
    let mut segmenter = Segmenter::for_pictures(source.info().fps, SegmentOptions::default());
    let began = cpu_ms();
    for picture in &pictures {
        segmenter.push_picture(picture)?;
    }
    println!("{:32} {:8.3} ms a frame", "encode pictures", (cpu_ms() - began) / pictures.len() as f64);
    Ok(())
}
