# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Bags are read back by rosbags, which had no part in this package."""
import numpy as np
from rosbags.highlevel import AnyReader

from famda_ros.messages.bag_writer import BagWriter


def test_a_compressed_bag_is_smaller_and_read_as_ever(tmp_path):
    labels = np.zeros((240, 320), np.uint8)
    for name, compress in (('plain', False), ('small', True)):
        with BagWriter(tmp_path / name, compress=compress) as bag:
            for stamp in range(1, 11):
                bag.write_mono8('/mask', stamp, 'cam', labels + np.uint8(stamp))
    plain, small = (sum(f.stat().st_size for f in (tmp_path / n).glob('*.mcap')) for n in ('plain', 'small'))
    assert small < plain / 20
    with AnyReader([tmp_path / 'small']) as reader:
        read = [reader.deserialize(raw, c.msgtype).data for c, _, raw in reader.messages()]
    assert [int(data[0]) for data in read] == list(range(1, 11))
