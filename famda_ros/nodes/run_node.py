# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Start, spin and end one of our nodes: the same exit codes and one-sentence errors everywhere."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
import rclpy.utilities
from rclpy.exceptions import (
    InvalidParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
    NameValidationException,
)
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.signals import uninstall_signal_handlers

from famda_ros.errors import EXIT_ERROR, EXIT_OK, FamdaError
from famda_ros.nodes.dds import check_profile
from famda_ros.nodes.node_arguments import check_parameter_names, parameters_in, usage
from famda_ros.profiles.parameters import Parameter

_USER_FAULTS = (
    FamdaError,
    InvalidParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
    NameValidationException,
    rclpy_implementation.RCLError,
    rclpy_implementation.RCLInvalidROSArgsError,
    rclpy_implementation.UnknownROSArgsError,
)
SHUT_DOWN_WITHIN_S = 0.5
"""How long after a signal rclpy's own thread may take to shut down the context."""


def run_node(
    name: str, make_node: Callable[[], Any], args: list[str] | None = None, parameters: Sequence[Parameter] = ()
) -> int:
    """Run a node until it is finished or interrupted, and return the exit code.

    Args:
        name: for messages on stderr.
        make_node: creates the node.  The node has a future ``finished``, whose result is
            an exit code, and ``destroy_node`` ends its threads.  Where it has an attribute
            ``stuck`` that is true then, a thread could not be ended: the process ends at once.
        args: command line, beginning with the program; None = ``sys.argv``.
        parameters: all of the node's own, for ``--help`` and to find misspelt ones; () = neither is done.
    """
    node, executor, code, started = None, None, EXIT_OK, False
    try:
        command_line = sys.argv if args is None else args
        plain = rclpy.utilities.remove_ros_args(command_line)[1:]
        if '--help' in plain or '-h' in plain:
            print(usage(name, parameters))
            return EXIT_OK
        if plain:
            raise FamdaError(
                f"'{plain[0]}' is no argument of a node; give parameters as --ros-args -p NAME:=VALUE (see --help)"
            )
        if parameters:
            check_parameter_names(parameters_in(command_line), parameters)
        check_profile()
        # Ctrl-C shuts the context down, as SIGTERM does. A KeyboardInterrupt would come anywhere, in the midst of rclpy
        # for one, which then prints a traceback. rclpy's handler calls the one that is there before it.
        signal.signal(signal.SIGINT, _nothing)
        rclpy.init(args=args)
        started = True
        node = make_node()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin_until_future_complete(node.finished)
        code = node.finished.result() if node.finished.done() else EXIT_OK
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except _USER_FAULTS as error:
        if not started or rclpy.ok():  # else a signal came while the node was being made
            print(f'{name}: {error}', file=sys.stderr)
            code = EXIT_ERROR
    except RuntimeError:
        if not started or not _is_ending():  # else Ctrl-C came in the middle of a call into C++, which reports it so
            raise
    finally:
        _ignore_signals()  # a second Ctrl-C, while it is ending already, changes nothing
        # rclpy handles a signal in a thread of its own, which would wake the executor that is destroyed below.
        uninstall_signal_handlers()
        _ignore_signals()  # which that has undone
        if executor is not None:
            executor.shutdown()  # before the context: it would complain when it is thrown away
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    if getattr(node, 'stuck', False):
        # To end the interpreter under a thread that is in a library's call would abort the process.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _is_ending() -> bool:
    """Return whether a signal has come: rclpy's own thread shuts the context down, perhaps only now."""
    end = time.monotonic() + SHUT_DOWN_WITHIN_S
    while rclpy.ok() and time.monotonic() < end:
        time.sleep(0.01)
    return not rclpy.ok()


def _nothing(*_: Any) -> None:
    """Handle a signal that rclpy has handled."""


def _ignore_signals() -> None:
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, signal.SIG_IGN)
