# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The robot's eyes on a drive: the drift monitor watches the student's frames, and an alarm has them recorded."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_reader import choose_image_topic, count_frames, iter_frames, read_raw, topics_of
from famda_ros.messages.recording_folder import RecordingFolder
from famda_ros.messages.ring_buffer import BufferedMessage
from famda_ros.messages.triggered_recorder import GRACE_NS, RecorderSettings, TriggeredRecorder
from famda_ros.pipeline.drift import ALARMS, DriftMonitor
from famda_ros.student.runtime import Student

TF_STATIC = '/tf_static'


def watch_and_record(
    model: Path,
    drive: Path,
    folder: Path,
    home_s: float,
    settings: RecorderSettings,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Drive with a student until another domain is noticed, and record around that.

    What runs is what perception_node and recorder_node run, on the time of the drive instead of the clock.

    Args:
        model: student .onnx file with a reference of its home.
        drive: bag that begins at home.
        folder: new folder for the recording.
        home_s: seconds of the drive that are at home.
        settings: how much is recorded.
        progress: called with (frames done, frames in all).

    Returns:
        ``home_s``, ``false_alarms`` (at home), ``detected_after_s`` (seconds of frames of the other domain), ``state``
        and ``reason``; and of the recording ``bag``, ``bag_seconds`` (first image to last), ``images``, ``pre_s``.

    Raises:
        FamdaError: the other domain is not noticed, or the recording lacks messages.
    """
    student = Student(model)
    monitor = DriftMonitor(student.card)
    topics = topics_of(drive)
    topic, total = choose_image_topic(drive, topics), count_frames(drive)
    messages = read_raw(drive, topics)
    kept: tuple[str, str, int, bytes] | None = None
    now_ns = start_ns = end_ns = 0
    recorder = TriggeredRecorder(RecordingFolder(folder, 0, 0.0, 0), settings, lambda: now_ns)
    drift: dict[str, Any] = {'home_s': home_s, 'false_alarms': 0}
    bag: Path | None = None
    was = ''
    try:
        for number, frame in enumerate(iter_frames(drive, topic), 1):
            assert frame.time_ns is not None
            now_ns, start_ns = frame.time_ns, start_ns or frame.time_ns
            while (kept := kept or next(messages, None)) is not None and kept[2] <= now_ns:
                recorder.put(BufferedMessage(kept[0], kept[1], bytes(kept[3]), kept[2], kept[0] == TF_STATIC))
                kept = None
            domain = monitor.update(frame.image, student.predict(frame.image, frame.focal, fy=frame.fy), 1e-9 * now_ns)
            away_s = 1e-9 * (now_ns - start_ns) - home_s
            if domain.state in ALARMS and bag is None:
                if away_s < 0:
                    drift['false_alarms'] += domain.state != was
                else:
                    drift |= {'detected_after_s': round(away_s, 2), 'state': domain.state, 'reason': domain.reason}
                    bag = recorder.trigger('drift', domain.reason)
                    end_ns = now_ns + int(settings.post_s * 1e9)
            was = domain.state
            progress(number, total)
            if bag is not None and now_ns > end_ns + GRACE_NS:
                break
    finally:
        recorder.close()
    if bag is None:
        raise FamdaError(f"the drift monitor did not notice the night in '{drive}': {monitor.domain.reason}")
    if recorder.lost or recorder.fault:
        raise FamdaError(f"'{bag}' lacks {recorder.lost} messages; {recorder.fault or 'is the disk too slow?'}")
    times = [time_ns for _, _, time_ns, _ in read_raw(bag, {topic})]
    return drift, {
        'bag': str(bag),
        'bag_seconds': round(1e-9 * (times[-1] - times[0]), 2),
        'images': len(times),
        'pre_s': settings.pre_s,
    }
