"""Runs a program N times and prints for each run: CPU time (user + system) and wall time in
microseconds, and the memory of its largest process in KiB.

Usage: rusage.py N PROGRAM [ARG...]

CPU time and memory are the kernel's own (wait4), of the program and all children that it waited for. Its output
is thrown away; a run that does not exit 0 is an error.
"""

import os
import sys
import time


def main() -> None:
    runs, command = int(sys.argv[1]), sys.argv[2:]
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, target) for target in (0, 1, 2)]
    for _ in range(runs):
        start = time.perf_counter()
        pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - start
        if status != 0:
            sys.exit(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
        cpu = usage.ru_utime + usage.ru_stime
        print(round(cpu * 1e6), round(wall * 1e6), usage.ru_maxrss)


if __name__ == "__main__":
    main()
