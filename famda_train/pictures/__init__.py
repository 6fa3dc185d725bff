# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of images, masks and depth for people."""
