"""Transitions by PySceneDetect's detectors at their defaults, in their own environment.

usage: shots_scenedetect.py VIDEOS_JSON FOUND_JSON

VIDEOS_JSON is a list of paths. FOUND_JSON has for each detector what `shots_transnetv2.py` writes; the second
detector looks for fades too (`ThresholdDetector`).
"""

import json
import sys
import time
from pathlib import Path

from scenedetect import AdaptiveDetector, ContentDetector, SceneManager, ThresholdDetector, open_video

DETECTORS = {
    "content": (ContentDetector,),
    "adaptive and threshold": (AdaptiveDetector, ThresholdDetector),
}
found = {}
for name, kinds in DETECTORS.items():
    found[name] = {}
    for path in json.loads(Path(sys.argv[1]).read_text()):
        began_s = time.process_time()
        manager = SceneManager()
        for kind in kinds:
            manager.add_detector(kind())
        try:
            video = open_video(path, backend="pyav")
            n_frames = manager.detect_scenes(video)
        except Exception as exc:
            print(path, exc, file=sys.stderr)
            continue
        starts = [start.frame_num for start, _ in manager.get_scene_list()][1:]
        found[name][path] = {
            "transitions": [[start - 1, start] for start in starts],
            "n_frames": n_frames,
            "total_s": time.process_time() - began_s,
        }
Path(sys.argv[2]).write_text(json.dumps(found))
