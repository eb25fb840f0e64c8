"""Audio: speech that is noise of the right length, and transcripts that tell of the file."""

from __future__ import annotations

import base64
import hashlib
import re

from elizanet.testing.openai_typed import TypedStream
from elizanet.testing.question import Question, invalid, tokens_in
from elizanet.testing.reply import EventKind, HttpReply, json_reply

AUDIO_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
BYTES_A_CHARACTER = 512
MOST_CHARACTERS = 4096
TEXT_FORMATS = frozenset({"text", "srt", "vtt"})
JSON_FORMATS = frozenset({"json", "verbose_json", "diarized_json"})
SECONDS = 1.5

_PIECE = re.compile(r"\s*\S+")


def speech(question: Question) -> HttpReply:
    """Answer `audio/speech` with bytes, or with events that hold them."""
    text = question.text("input")
    if not 0 < len(text) <= MOST_CHARACTERS:
        raise invalid(f"Invalid 'input': expected 1 to {MOST_CHARACTERS} characters.", "input")
    kind = question.text("response_format") or "mp3"
    if kind not in AUDIO_TYPES:
        raise invalid(f"Invalid 'response_format': expected one of {list(AUDIO_TYPES)}.")
    audio = noise(f"{question.provider}\0{text}", BYTES_A_CHARACTER * len(text))
    if question.text("stream_format") != "sse":
        return HttpReply(body=audio, content_type=AUDIO_TYPES[kind])
    stream = TypedStream()
    for start in range(0, len(audio), BYTES_A_CHARACTER):
        piece = base64.b64encode(audio[start : start + BYTES_A_CHARACTER]).decode()
        stream.add(EventKind.CONTENT, "speech.audio.delta", {"audio": piece})
    usage = {"input_tokens": tokens_in(text), "output_tokens": len(text)}
    usage["total_tokens"] = sum(usage.values())
    stream.add(EventKind.FINISH, "speech.audio.done", {"usage": usage})
    return stream.reply()


def transcriptions(question: Question) -> HttpReply:
    """Answer `audio/transcriptions`, whole or as a stream."""
    text = _heard(question)
    if not question.stream or question.model == "whisper-1":  # which ignores it
        return _transcript(question, text)
    stream = TypedStream()
    for piece in _PIECE.findall(text):
        stream.add(EventKind.CONTENT, "transcript.text.delta", {"delta": piece})
    usage = {"type": "tokens", "input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    stream.add(EventKind.FINISH, "transcript.text.done", {"text": text, "usage": usage})
    return stream.reply()


def translations(question: Question) -> HttpReply:
    """Answer `audio/translations`."""
    return _transcript(question, _heard(question))


def noise(key: str, length: int) -> bytes:
    """Bytes that are the same for the same key."""
    return hashlib.shake_256(key.encode("utf-8", "surrogatepass")).digest(length)


def _heard(question: Question) -> str:
    file = question.file("file")
    return f"{question.provider} heard {len(file.content)} bytes of {file.name}"


def _transcript(question: Question, text: str) -> HttpReply:
    kind = question.text("response_format") or "json"
    if kind in TEXT_FORMATS:
        return HttpReply(body=_as_text(kind, text), content_type="text/plain; charset=utf-8")
    if kind not in JSON_FORMATS:
        raise invalid("Invalid 'response_format'.", "response_format")
    if kind == "json":
        return json_reply({"text": text})
    segment = {"id": 0, "start": 0.0, "end": SECONDS, "text": text}
    return json_reply({"text": text, "duration": SECONDS, "segments": [segment]})


def _as_text(kind: str, text: str) -> bytes:
    if kind == "srt":
        return f"1\n00:00:00,000 --> 00:00:01,500\n{text}\n\n".encode()
    if kind == "vtt":
        return f"WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n{text}\n\n".encode()
    return f"{text}\n".encode()
