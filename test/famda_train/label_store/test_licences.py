# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from famda_train.label_store.licences import UNKNOWN, inherited_licence, licence, student_notice, teacher_notice
from famda_train.teachers.depth_anything import LICENCES, SHORT_NAMES

FREE = {'name': 'free', 'licence': licence('Apache-2.0')}
RESEARCH = {'name': 'research', 'model': 'someone/large', 'licence': licence('CC-BY-NC-4.0', True)}
FOUND = {'name': 'found', 'licence': licence(UNKNOWN)}
OWN = {'name': 'mine', 'kind': 'depth'}


def test_only_what_restricts_is_said():
    assert teacher_notice(FREE) == teacher_notice(OWN) == ''
    assert inherited_licence('depth', FREE) == inherited_licence('masks', OWN) == ''
    notice = teacher_notice(RESEARCH)
    assert 'someone/large' in notice and 'non-commercial use only (CC-BY-NC-4.0)' in notice
    assert "'found' is not known" in teacher_notice(FOUND)


def test_a_student_inherits_the_words_and_export_says_them():
    parts = [inherited_licence('depth', RESEARCH), inherited_licence('masks', FOUND)]
    assert parts[0] == 'CC-BY-NC-4.0, non-commercial (depth teacher research)'
    assert parts[1] == f'{UNKNOWN} (mask teacher found)'
    text = '; '.join(['Apache-2.0', *parts])
    assert student_notice(text) == f'licence of this student: {"; ".join(parts)}'
    assert student_notice('Apache-2.0') == student_notice('') == ''


def test_of_depth_anything_only_the_first_version_and_the_small_ones_are_free():
    free = {name for name, model in SHORT_NAMES.items() if not LICENCES[model]['non_commercial']}
    assert free == {name for name in SHORT_NAMES if name.startswith('v1-') or name.endswith('-small')}
    assert len(SHORT_NAMES) == 12
    for name, model in SHORT_NAMES.items():
        assert LICENCES[model]['weights'] == ('Apache-2.0' if name in free else 'CC-BY-NC-4.0')
