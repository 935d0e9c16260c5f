"""Runs the Python programs of the corpus. What they have in scope: Python's own encoders and archives,
so that no disguise is made by the code that is tested. The working directory is the build context.

stdin: JSON, pairs of a case's folder and its program."""

import base64
import bz2
import gzip
import html
import io
import json
import lzma
import os
import pathlib
import shlex
import subprocess
import sys
import tarfile
import urllib.parse
import zipfile
import zlib


def value(name="KEY"):
    """The bytes of a secret; they are not in the context."""
    return pathlib.Path(os.environ["SECRETS"], name).read_bytes()


def text(name="KEY"):
    return value(name).decode()


def write(path, data):
    file = pathlib.Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data if isinstance(data, bytes) else data.encode())


def zipped(files, kind=zipfile.ZIP_DEFLATED):
    """Bytes of a zip with these files, by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files, mode="w", format=tarfile.GNU_FORMAT, **fields):
    """Bytes of a tar with these files, by name; `fields` go into every header."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=format) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, content in fields.items():
                setattr(info, field, content)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


if __name__ == "__main__":
    scope = dict(globals())
    for folder, program in json.load(sys.stdin):
        os.chdir(os.path.join(folder, "context"))
        os.environ["SECRETS"] = os.path.join(folder, "secrets")
        exec(program, dict(scope))
