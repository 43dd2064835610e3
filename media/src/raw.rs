//! All `unsafe` of the crate: what `ffmpeg-next` has no safe call for. Nothing here decides anything.

use std::ffi::{CStr, CString};
use std::ptr;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::packet::{Mut as _, Ref as _};
use ffmpeg_next::{Error, ffi};

/// What of a stream's codec parameters the crate needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParameterView {
    pub(crate) codec: ffmpeg::codec::Id,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) pixel_format: Option<String>,
    /// Frames by which the decoder's output lags: above 0 the stream has B-frames.
    pub(crate) delay: u32,
    pub(crate) extradata: Vec<u8>,
}

/// Opens a source like `ffmpeg::format::input_with_interrupt_and_dictionary`, with a demuxer forced when
/// `format` names one, and without blocking in the driver when `nonblocking`.
pub(crate) fn open_input(
    url: &str,
    format: Option<&str>,
    options: ffmpeg::Dictionary,
    nonblocking: bool,
    interrupt: impl FnMut() -> bool + Send + 'static,
) -> Result<ffmpeg::format::context::Input, Error> {
    let invalid = |_| Error::Other { errno: ffmpeg::error::EINVAL };
    let url = CString::new(url).map_err(invalid)?;
    let format = format.map(CString::new).transpose().map_err(invalid)?;
    let interrupt = ffmpeg::util::interrupt::new(Box::new(interrupt));
    // SAFETY: `url` and `format` are NUL-terminated and outlive the calls. `context` comes from
    // avformat_alloc_context and is checked; avformat_open_input frees it when it fails, and on success it
    // is closed by hand when stream info cannot be had, or handed to `Input`, which closes it. The boxed
    // callback lives in `interrupt.guard`: it is dropped at the end of this function, after the context is
    // gone, or kept by `Input` until the context is closed. `disown`ed options are owned again at once.
    unsafe {
        let demuxer = match &format {
            Some(name) => {
                let found = ffi::av_find_input_format(name.as_ptr());
                if found.is_null() {
                    return Err(Error::DemuxerNotFound);
                }
                found
            }
            None => ptr::null_mut(),
        };
        let mut context = ffi::avformat_alloc_context();
        if context.is_null() {
            return Err(Error::Other { errno: ffmpeg::error::ENOMEM });
        }
        (*context).interrupt_callback = interrupt.interrupt;
        if nonblocking {
            (*context).flags |= ffi::AVFMT_FLAG_NONBLOCK;
        }
        let mut options = options.disown();
        let opened = ffi::avformat_open_input(&raw mut context, url.as_ptr(), demuxer, &raw mut options);
        drop(ffmpeg::Dictionary::own(options));
        if opened < 0 {
            return Err(Error::from(opened));
        }
        let informed = ffi::avformat_find_stream_info(context, ptr::null_mut());
        if informed < 0 {
            ffi::avformat_close_input(&raw mut context);
            return Err(Error::from(informed));
        }
        Ok(ffmpeg::format::context::Input::wrap_with_interrupt(context, interrupt.guard))
    }
}

/// Tells the demuxer to drop every stream but `index`.
pub(crate) fn discard_others(input: &mut ffmpeg::format::context::Input, index: usize) {
    for mut stream in input.streams_mut() {
        if stream.index() != index {
            // SAFETY: the stream belongs to `input`, which is borrowed mutably; `discard` is a plain field
            // that callers may set at any time.
            unsafe { (*stream.as_mut_ptr()).discard = ffi::AVDiscard::AVDISCARD_ALL };
        }
    }
}

/// Goes back to the beginning of stream `index`.
pub(crate) fn seek_to_start(input: &mut ffmpeg::format::context::Input, index: usize, start: i64) -> Result<(), Error> {
    let index = i32::try_from(index).map_err(|_| Error::StreamNotFound)?;
    // SAFETY: `input` owns a valid context that is open for reading, and is borrowed mutably. Seeking by
    // byte 0 is what demuxers without an index understand.
    let sought = unsafe {
        let by_time = ffi::av_seek_frame(input.as_mut_ptr(), index, start, ffi::AVSEEK_FLAG_BACKWARD);
        if by_time >= 0 { by_time } else { ffi::av_seek_frame(input.as_mut_ptr(), index, 0, ffi::AVSEEK_FLAG_BYTE) }
    };
    if sought < 0 { Err(Error::from(sought)) } else { Ok(()) }
}

/// Whether the demuxer of `input` makes times up (raw elementary streams).
pub(crate) fn lacks_timestamps(input: &ffmpeg::format::context::Input) -> bool {
    // SAFETY: `input` owns a valid context, whose demuxer is set once it is open.
    unsafe { (*(*input.as_ptr()).iformat).flags & ffi::AVFMT_NOTIMESTAMPS != 0 }
}

/// Where in the file the last packet that the index knows of ends.
pub(crate) fn index_end_bytes(input: &ffmpeg::format::context::Input, index: usize) -> Option<i64> {
    let stream = input.stream(index)?;
    // SAFETY: the stream belongs to `input`, which is borrowed. The index functions only read it, as their C
    // signature with a pointer to mutable does not say; the entry is checked and copied before anything
    // can change the index.
    unsafe {
        let stream = stream.as_ptr().cast_mut();
        let last = ffi::avformat_index_get_entries_count(stream) - 1;
        let entry = ffi::avformat_index_get_entry(stream, last).as_ref()?;
        Some(entry.pos + i64::from(entry.size()))
    }
}

/// Reads codec parameters.
pub(crate) fn view(parameters: &ffmpeg::codec::Parameters) -> ParameterView {
    // SAFETY: the pointer is valid as long as `parameters` is borrowed. `extradata` points to
    // `extradata_size` bytes when it is not null. av_get_pix_fmt_name takes any number and answers null or
    // a static string; the format is set by the same library that the enum was generated from.
    unsafe {
        let raw = &*parameters.as_ptr();
        let size = usize::try_from(raw.extradata_size).unwrap_or(0);
        let extradata = match raw.extradata.is_null() || size == 0 {
            true => Vec::new(),
            false => std::slice::from_raw_parts(raw.extradata, size).to_vec(),
        };
        let name = match raw.format {
            format if format < 0 => ptr::null(),
            format => ffi::av_get_pix_fmt_name(std::mem::transmute::<i32, ffi::AVPixelFormat>(format)),
        };
        ParameterView {
            codec: parameters.id(),
            width: u32::try_from(raw.width).unwrap_or(0),
            height: u32::try_from(raw.height).unwrap_or(0),
            pixel_format: (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned()),
            delay: u32::try_from(raw.video_delay).unwrap_or(0),
            extradata,
        }
    }
}

/// Makes `parameters` fit for an MP4 file: `hvc1` for HEVC (which Apple's players insist on), else the tag
/// that the muxer finds.
pub(crate) fn tag_for_mp4(parameters: &mut ffmpeg::codec::Parameters) {
    let tag = match parameters.id() {
        ffmpeg::codec::Id::HEVC => u32::from_le_bytes(*b"hvc1"),
        _ => 0,
    };
    // SAFETY: the pointer is valid and exclusively borrowed; the tag is a plain field.
    unsafe { (*parameters.as_mut_ptr()).codec_tag = tag };
}

/// Replaces the extradata, and the size where it is known.
pub(crate) fn set_extradata(
    parameters: &mut ffmpeg::codec::Parameters,
    extradata: &[u8],
    size: Option<(u32, u32)>,
) -> Result<(), Error> {
    let bytes = i32::try_from(extradata.len()).map_err(|_| Error::InvalidData)?;
    // SAFETY: the pointer is valid and exclusively borrowed. The old extradata was allocated by FFmpeg (or
    // is null, which av_freep takes), the new is av_mallocz'ed with the padding that FFmpeg asks for.
    unsafe {
        let raw = &mut *parameters.as_mut_ptr();
        let fresh = ffi::av_mallocz(extradata.len() + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize).cast::<u8>();
        if fresh.is_null() {
            return Err(Error::Other { errno: ffmpeg::error::ENOMEM });
        }
        ptr::copy_nonoverlapping(extradata.as_ptr(), fresh, extradata.len());
        ffi::av_freep((&raw mut raw.extradata).cast());
        raw.extradata = fresh;
        raw.extradata_size = bytes;
        if let Some((width, height)) = size {
            raw.width = i32::try_from(width).unwrap_or(0);
            raw.height = i32::try_from(height).unwrap_or(0);
        }
    }
    Ok(())
}

/// A second reference to the same packet data, with times of its own. (`Packet::clone` copies the data.)
pub(crate) fn share_packet(packet: &ffmpeg::Packet) -> Result<ffmpeg::Packet, Error> {
    let mut shared = ffmpeg::Packet::empty();
    // SAFETY: both packets are valid; the destination is empty, as av_packet_ref demands.
    let done = unsafe { ffi::av_packet_ref(shared.as_mut_ptr(), packet.as_ptr()) };
    if done < 0 { Err(Error::from(done)) } else { Ok(shared) }
}

/// New extradata that came with `packet`, if any.
pub(crate) fn new_extradata(packet: &ffmpeg::Packet) -> Option<Vec<u8>> {
    packet
        .side_data()
        .find(|side| side.kind() == ffmpeg::codec::packet::side_data::Type::NewExtraData)
        .map(|side| side.data().to_vec())
}

/// Whether pictures of `format` can be scaled and converted.
pub(crate) fn can_scale(format: ffmpeg::format::Pixel) -> bool {
    // SAFETY: takes any pixel format by value.
    unsafe { ffi::sws_isSupportedInput(format.into()) > 0 }
}

/// Whether the first plane of `format` is brightness of one byte a pixel.
pub(crate) fn has_luma_plane(format: ffmpeg::format::Pixel) -> bool {
    use ffmpeg::format::Pixel as P;
    matches!(
        format,
        P::YUV420P | P::YUVJ420P | P::YUV422P | P::YUVJ422P | P::YUV444P | P::YUVJ444P | P::NV12 | P::NV21 | P::GRAY8
    )
}

/// Whether nobody else holds the memory of `frame`.
pub(crate) fn is_writable(frame: &ffmpeg::frame::Video) -> bool {
    // SAFETY: the frame is valid; asking changes nothing, as its C signature does not say.
    unsafe { ffi::av_frame_is_writable(frame.as_ptr().cast_mut()) > 0 }
}

/// Sets the quantiser of an encoder that takes it from each frame, in FFmpeg's lambda units.
pub(crate) fn set_quality(frame: &mut ffmpeg::frame::Video, lambda: i32) {
    // SAFETY: the frame is valid and exclusively borrowed; quality is a plain field.
    unsafe { (*frame.as_mut_ptr()).quality = lambda }
}

/// Makes the capture devices known: loads libavdevice, which only they need. It and the 80 libraries of sound and
/// screens behind it are 17 MiB that an agent on a network camera does not have to carry.
pub(crate) fn register_devices() -> bool {
    unsafe extern "C" {
        fn dlopen(file: *const std::ffi::c_char, flags: std::ffi::c_int) -> *mut std::ffi::c_void;
        fn dlsym(handle: *mut std::ffi::c_void, name: *const std::ffi::c_char) -> *mut std::ffi::c_void;
    }
    const RTLD_LAZY: std::ffi::c_int = 1;
    let Ok(name) = CString::new(format!("libavdevice.so.{}", ffi::LIBAVDEVICE_VERSION_MAJOR)) else { return false };
    // SAFETY: both names are NUL-terminated. The library is of the major version whose headers this was built
    // with, where `avdevice_register_all` takes and gives nothing; it is never unloaded. Registering twice is fine.
    unsafe {
        let library = dlopen(name.as_ptr(), RTLD_LAZY);
        if library.is_null() {
            return false;
        }
        let register = dlsym(library, c"avdevice_register_all".as_ptr());
        if register.is_null() {
            return false;
        }
        std::mem::transmute::<*mut std::ffi::c_void, unsafe extern "C" fn()>(register)();
    }
    true
}

/// A scaler of libswscale. It has no thread of its own and no thread-local state.
pub(crate) struct Sws(ffmpeg::software::scaling::Context);

// SAFETY: an SwsContext is a heap allocation that no thread is tied to, and is only used through `&mut`.
unsafe impl Send for Sws {}

impl Sws {
    pub(crate) fn new(context: ffmpeg::software::scaling::Context) -> Self {
        Self(context)
    }

    pub(crate) fn run(&mut self, from: &ffmpeg::frame::Video, to: &mut ffmpeg::frame::Video) -> Result<(), Error> {
        self.0.run(from, to)
    }

    /// Takes the source's matrix and range instead of what libswscale assumes (BT.601).
    pub(crate) fn set_source_colours(&mut self, space: ffmpeg::color::Space, full_range: bool, to_full_range: bool) {
        let matrix = match space {
            ffmpeg::color::Space::BT709 => ffi::SWS_CS_ITU709,
            ffmpeg::color::Space::BT2020NCL | ffmpeg::color::Space::BT2020CL => ffi::SWS_CS_BT2020,
            ffmpeg::color::Space::FCC => ffi::SWS_CS_FCC,
            ffmpeg::color::Space::SMPTE240M => ffi::SWS_CS_SMPTE240M,
            _ => ffi::SWS_CS_ITU601,
        };
        // SAFETY: the context is valid and exclusively borrowed; the tables are static arrays of four ints.
        // The result says only whether the conversion has such settings.
        unsafe {
            let from = ffi::sws_getCoefficients(matrix);
            let to = ffi::sws_getCoefficients(ffi::SWS_CS_DEFAULT);
            let one = 1 << 16;
            ffi::sws_setColorspaceDetails(
                self.0.as_mut_ptr(),
                from,
                i32::from(full_range),
                to,
                i32::from(to_full_range),
                0,
                one,
                one,
            );
        }
    }
}
