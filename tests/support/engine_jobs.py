"""Jobs for engines, importable by workers: a folder of tests is no package, and others may have its name."""

import os
import time

import numpy as np


def double(job):
    return 2 * job


def slow_process(job):
    """Take two seconds, which is worth a further worker, and tell in which process."""
    time.sleep(2.0)
    return os.getpid()


def draw(job):
    """Random numbers and linear algebra: bits that would show a different seed or thread count."""
    random = np.random.default_rng([7, job])
    a = random.standard_normal((60, 20))
    return np.linalg.lstsq(a, random.standard_normal(60))[0]
