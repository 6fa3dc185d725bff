# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a page of HTML says and loads, for tests."""
from html.parser import HTMLParser

VOID = {'area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'source', 'track', 'wbr'}
LOADING = ('src', 'href', 'srcset', 'data', 'action')


class Page(HTMLParser):
    """Collects texts, tags and what is loaded; fails on tags that do not match.

    Attributes:
        text: all texts.
        tags: (tag, attributes) pairs.
        loaded: what attributes load.
        pictures: alternative text → what the picture loads.
    """

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text = [], [], ''
        self.feed(html)
        self.close()
        assert not self.open
        self.loaded = [value for _, attrs in self.tags for name, value in attrs.items() if name in LOADING]
        self.pictures = {attrs['alt']: attrs['src'] for tag, attrs in self.tags if tag == 'img'}

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        assert tag not in ('link', 'iframe')

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
