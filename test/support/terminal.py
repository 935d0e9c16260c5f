"""Runs a program on a pseudo-terminal and types into it.

Usage: terminal.py COLUMNS ROWS PROGRAM [ARG...]

Standard input holds what to type, as JSON lines: {"on": TEXT, "type": TEXT} waits until the terminal
has shown TEXT (after the last match), then types. {"on": TEXT, "size": [COLUMNS, ROWS]} changes the
size of the window instead, {"on": TEXT, "signal": N} sends the program a signal. Everything the terminal shows goes to standard
output, unchanged. Ends with the program's exit code; 128 + N for a signal.
"""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios


def main() -> int:
    columns, rows = int(sys.argv[1]), int(sys.argv[2])
    steps = [json.loads(line) for line in sys.stdin if line.strip()]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(sys.argv[3], sys.argv[3:], os.environ)
    resize(terminal, columns, rows)
    converse(terminal, pid, steps)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def resize(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def converse(terminal: int, pid: int, steps: list) -> None:
    unmatched = b""
    while True:
        while steps and steps[0]["on"].encode() in unmatched:
            step = steps.pop(0)
            unmatched = unmatched.split(step["on"].encode(), 1)[1]
            if "size" in step:
                resize(terminal, *step["size"])
            elif "signal" in step:
                os.kill(pid, step["signal"])
            else:
                os.write(terminal, step["type"].encode())
        select.select([terminal], [], [])
        try:
            shown = os.read(terminal, 65536)
        except OSError:  # EIO: the last process on the terminal has ended
            return
        if not shown:
            return
        unmatched += shown
        sys.stdout.buffer.write(shown)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
