#!/usr/bin/env python3
"""Scores our tracks beside those of supervision's ByteTrack on the same detections, with TrackEval.

    score_tracker.py DIR        DIR is what `cluster-analyzer evaluate --mot DIR` has written

Prints one line of JSON a tracker: {"tracker": "paddock", "HOTA": …, "IDF1": …, "MOTA": …, "IDSW": …}.
Packages: deploy/requirements-bench.in.
"""

import contextlib
import io
import json
import sys
import warnings
from pathlib import Path

SPLIT = "paddock-train"
PEER = "bytetrack"
FPS = 5


def sequences(root):
    """Names of the sequences with truth, and their lengths."""
    found = {}
    for info in sorted((root / "gt" / SPLIT).glob("*/seqinfo.ini")):
        lines = dict(line.split("=", 1) for line in info.read_text().splitlines() if "=" in line)
        # TrackEval refuses a sequence without a single true box.
        if (info.parent / "gt" / "gt.txt").stat().st_size > 0:
            found[info.parent.name] = int(lines["seqLength"])
    return found


def rows(path):
    return [[float(value) for value in line.split(",")] for line in path.read_text().splitlines()]


def track_as_peer(root, name, length):
    """ByteTrack with the thresholds and patience of ours, over what our detector saw; lines of MOTChallenge."""
    import numpy as np
    import supervision as sv

    # Its buffer counts frames at 30 a second: 60 are two seconds, as ours.
    tracker = sv.ByteTrack(
        track_activation_threshold=0.25,
        lost_track_buffer=60,
        minimum_matching_threshold=0.8,
        frame_rate=FPS,
        minimum_consecutive_frames=2,
    )
    by_frame = {}
    for row in rows(root / "det" / f"{name}.txt"):
        by_frame.setdefault(int(row[0]), []).append(row)
    lines = []
    for frame in range(1, length + 1):
        seen = np.array(by_frame.get(frame, []), dtype=float).reshape(-1, 10)
        left, top, width, height = seen[:, 2], seen[:, 3], seen[:, 4], seen[:, 5]
        boxes = np.stack([left, top, left + width, top + height], axis=1)
        found = sv.Detections(xyxy=boxes, confidence=seen[:, 6], class_id=np.zeros(len(seen), dtype=int))
        tracked = tracker.update_with_detections(found)
        ids = [] if tracked.tracker_id is None else tracked.tracker_id
        for (x0, y0, x1, y1), track in zip(tracked.xyxy, ids):
            lines.append(f"{frame},{int(track)},{x0:.2f},{y0:.2f},{x1 - x0:.2f},{y1 - y0:.2f},1,-1,-1,-1")
    return "".join(line + "\n" for line in lines)


def score(root, lengths, trackers):
    """Combined figures of each tracker over all sequences, shares between 0 and 1."""
    import numpy as np

    # TrackEval 1.3 still says what numpy 2 no longer knows.
    for old in ("float", "int", "bool"):
        if not hasattr(np, old):
            setattr(np, old, {"float": float, "int": int, "bool": bool}[old])
    import trackeval

    quiet = {"PRINT_CONFIG": False, "PRINT_RESULTS": False, "OUTPUT_SUMMARY": False, "OUTPUT_DETAILED": False,
             "PLOT_CURVES": False, "OUTPUT_EMPTY_CLASSES": False, "TIME_PROGRESS": False, "BREAK_ON_ERROR": True,
             "LOG_ON_ERROR": None, "USE_PARALLEL": False}
    config = trackeval.datasets.MotChallenge2DBox.get_default_dataset_config()
    config.update({
        "GT_FOLDER": str(root / "gt"), "TRACKERS_FOLDER": str(root / "trackers"), "TRACKERS_TO_EVAL": trackers,
        "BENCHMARK": "paddock", "SPLIT_TO_EVAL": "train", "DO_PREPROC": False, "PRINT_CONFIG": False,
        "SEQ_INFO": lengths,
    })
    metrics = [trackeval.metrics.HOTA(), trackeval.metrics.Identity({"THRESHOLD": 0.5, "PRINT_CONFIG": False}),
               trackeval.metrics.CLEAR({"THRESHOLD": 0.5, "PRINT_CONFIG": False})]
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = trackeval.datasets.MotChallenge2DBox(config)
        results, _ = trackeval.Evaluator(quiet).evaluate([dataset], metrics)
    for tracker in trackers:
        of = results["MotChallenge2DBox"][tracker]["COMBINED_SEQ"]["pedestrian"]
        yield {
            "tracker": tracker,
            "sequences": len(lengths),
            "HOTA": round(float(of["HOTA"]["HOTA"].mean()), 4),
            "AssA": round(float(of["HOTA"]["AssA"].mean()), 4),
            "DetA": round(float(of["HOTA"]["DetA"].mean()), 4),
            "IDF1": round(float(of["Identity"]["IDF1"]), 4),
            "MOTA": round(float(of["CLEAR"]["MOTA"]), 4),
            "IDSW": int(of["CLEAR"]["IDSW"]),
            "Frag": int(of["CLEAR"]["Frag"]),
        }


def main(arguments):
    if len(arguments) != 1 or not (Path(arguments[0]) / "gt").is_dir():
        print("score_tracker: name the folder that `cluster-analyzer evaluate --mot DIR` has written", file=sys.stderr)
        return 2
    warnings.simplefilter("ignore")
    root = Path(arguments[0])
    lengths = sequences(root)
    if not lengths:
        print(f"score_tracker: {root}: no sequence has a true box; the set needs tracks.json", file=sys.stderr)
        return 2
    data = root / "trackers" / SPLIT / PEER / "data"
    data.mkdir(parents=True, exist_ok=True)
    for name, length in lengths.items():
        (data / f"{name}.txt").write_text(track_as_peer(root, name, length))
    for line in score(root, lengths, ["paddock", PEER]):
        print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
