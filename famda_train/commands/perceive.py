# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda perceive``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from famda_ros.resources import DEFAULT_MODEL
from famda_train.commands.outputs import check_report, command_line
from famda_train.commands.recording_warnings import MOST_NAMED, print_warnings

if TYPE_CHECKING:
    from famda_train.pictures.perception_report import PerceptionReport
    from famda_train.pictures.video import VideoWriter

POSITIONALS = ('source',)
HAS_RESULT = True


def run(
    source: str,
    out: str,
    model: str = DEFAULT_MODEL,
    topic: str | None = None,
    threads: int = 0,
    provider: str = 'cpu',
    pictures: str | None = None,
    video: str | None = None,
    report: str | None = None,
    depth: Literal['float', 'millimetres'] = 'float',
    with_images: bool = False,
) -> dict[str, Any]:
    """Run a student over a recording, without a ROS graph.

    Writes masks, confidence (0..255), colours, metric depth (metres, +inf = beyond range), as far as the student
    gives them, labels and calibration into a bag, each with the header of its image.

    Args:
        source: bag (folder, .mcap, .db3), frame folder or folder of images
        out: bag to write; must not exist
        model: student .onnx file; default: the one that comes with the package
        topic: image topic of the bag; needed only where it has several
        threads: CPU threads per inference; 0 = one per core
        provider: what the student runs on: cpu, openvino, cuda, tensorrt, or auto = the best that agrees with the CPU
        pictures: folder for one PNG per frame, called after the picture file, or after the number and stamp of the
            bag's image: the image with its mask, beside the depth from 2 m (red) to 80 m (blue), where the student
            gives any; black = beyond range or unknown
        depth: how the bag holds depth: float = 32FC1 as the node sends it; millimetres = PNG of whole millimetres
            (compressedDepth), half the size, up to 65.534 m
        with_images: write the images into the bag, too
        video: .mp4, .mkv or .webm file of the same pictures at the images' times; plays in every browser
        report: .html file: the frames that the student is least sure of, class shares, confidence over time
    """
    from famda_ros.pipeline.offline import perceive
    from famda_train.commands.progress import progress_bar
    from famda_train.pictures.video import VideoWriter

    check_source(source)
    if report:
        check_report(report)
    page = empty_report() if report else None
    with contextlib.ExitStack() as stack, progress_bar() as progress:
        draw = drawing(pictures, stack.enter_context(VideoWriter(video)) if video else None, page)
        task = progress.add_task('perceive', total=None)
        result = perceive(
            source,
            model,
            out,
            topic=topic,
            threads=threads,
            provider=provider,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            on_outputs=draw,
            depth=depth,
            with_images=with_images,
        )
    left_out = f', {result["malformed"]} malformed images left out' if result['malformed'] else ''
    print(f'{result["frames"]} frames at {result["fps"]} frames/s on {result["provider"]} -> {out}{left_out}')
    if result['missing']:
        print(result['missing'])
    print_warnings(result)
    for sentence in result['malformed_images'][:MOST_NAMED]:
        print(f'left out: {sentence}')
    sentences = domain_sentences(result['domain'], result['frames'])
    for sentence in sentences:
        print(sentence)
    if report and page:
        command = command_line(
            'perceive', source, model=model, out=out, topic=topic, provider=provider, report=report
        )
        write_report(report, page, result, sentences, source, model, command)
    return result


def empty_report() -> PerceptionReport:
    """Return a report that has not seen a frame; without jinja2 it cannot be written, which is said before the work."""
    from famda_train.pictures.perception_report import PerceptionReport

    return PerceptionReport()


def write_report(
    path: str, page: PerceptionReport, result: dict[str, Any], sentences: list[str], source: str, model: str,
    command: str,
) -> None:  # fmt: skip
    """Write the report of a run."""
    from famda_ros.files import write_atomically

    facts = {
        'images left out': str(result['malformed']),
        'frames a second': str(result['fps']),
        'ran on': result['provider'],
    }
    write_atomically(path, page.render(Path(model).name, Path(source).resolve().name, facts, sentences, command))


def domain_sentences(domains: dict[str, Any], frames: int) -> list[str]:
    """Return what there is to say about the domain: every alarm with its share, or that there was none."""
    from famda_ros.pipeline.drift import ALARMS, HOME

    alarms = [state for state in ALARMS if state in domains]
    if alarms:
        return [f'warning: {domains[s]["frames"]} of {frames} frames: {domains[s]["reason"]}' for s in alarms]
    quiet = domains.get(HOME) or next(iter(domains.values()))
    return [f'domain: {quiet["reason"]}']


def check_source(source: str | Path) -> None:
    """Refuse a frame folder that no other verb would take: its dataset.yaml is damaged or contradicts its files.

    Raises:
        FamdaError: what is wrong.
    """
    if (Path(source) / 'dataset.yaml').is_file():
        from famda_train.datasets.frame_folder import FrameFolder

        FrameFolder(source)


def drawing(folder: str | None, video: VideoWriter | None, page: PerceptionReport | None = None):
    """Return a function that draws a prediction into a PNG file called after its image, a video, and a report."""
    import numpy as np

    if not (folder or video or page):
        return None
    from famda_ros.files import make_output_folder
    from famda_ros.student.colorize import overlay
    from famda_train.datasets.frame_folder import write_png
    from famda_train.pictures.depth_colors import depth_picture

    def write(frame, prediction, label_space) -> None:
        if page:
            page.add(frame.name, frame.image, prediction, label_space)
        if not (folder or video):
            return
        halves = [overlay(frame.image, prediction.labels, label_space)]
        if prediction.depth is not None:
            halves.append(depth_picture(prediction.depth))
        picture = np.hstack(halves)
        if folder:  # made at the first picture: a run that fails leaves no empty folder
            write_png(make_output_folder(folder) / f'{frame.name}.png', picture)
        if video:
            video.write(picture, frame.stamp_ns if frame.time_ns is None else frame.time_ns)

    return write
