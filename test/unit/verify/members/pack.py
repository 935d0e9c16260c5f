"""Packs data by the forms that a request names, innermost first. A line of JSON in, base64 out."""

import base64
import bz2
import gzip
import io
import json
import lzma
import sys
import tarfile
import zipfile
import zlib


def tar_with(fmt):
    def pack(data):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=fmt) as archive:
            for name, body in (("first", b"1"), ("dir/inner", data), ("last", b"2")):
                info = tarfile.TarInfo(name)
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))
        return out.getvalue()

    return pack


def zip_with(method, prefix=b"", streamed=False):
    def pack(data):
        out = io.BytesIO(prefix)
        out.seek(len(prefix))
        target = Unseekable(out) if streamed else out
        with zipfile.ZipFile(target, "w", method) as archive:
            archive.writestr("META-INF/", b"")
            archive.writestr("first", b"1")
            archive.writestr("dir/inner", data)
        return out.getvalue()

    return pack


class Unseekable:
    """Sizes and checksums then stand behind the data, in descriptors."""

    def __init__(self, out):
        self.write = out.write
        self.flush = out.flush


def zip64(data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("dir/inner", "w", force_zip64=True) as entry:
            entry.write(data)
    return out.getvalue()


def deb(data):
    members = (("debian-binary", b"2.0\n"), ("inner", data))
    out = b"!<arch>\n"
    for name, body in members:
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(body):<10}`\n"
        out += header.encode() + body + (b"\n" if len(body) % 2 else b"")
    return out


def halves(compress):
    return lambda data: compress(data[: len(data) // 2]) + compress(data[len(data) // 2 :])


FORMS = {
    "gzip": gzip.compress,
    "gzip-members": halves(gzip.compress),
    "zlib": zlib.compress,
    "xz": lzma.compress,
    # 64 MiB of dictionary, and more content than that
    "xz-large": lambda data: lzma.compress(data * 80, preset=9),
    "xz-crc32": lambda data: lzma.compress(data, check=lzma.CHECK_CRC32),
    "xz-streams": halves(lzma.compress),
    "bzip2": bz2.compress,
    "bzip2-streams": halves(bz2.compress),
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    "zip": zip_with(zipfile.ZIP_DEFLATED),
    "zip-stored": zip_with(zipfile.ZIP_STORED),
    "zip-bzip2": zip_with(zipfile.ZIP_BZIP2),
    "zip-lzma": zip_with(zipfile.ZIP_LZMA),
    "zip-streamed": zip_with(zipfile.ZIP_DEFLATED, streamed=True),
    "zip64": zip64,
    "zipapp": zip_with(zipfile.ZIP_DEFLATED, b"#!/usr/bin/env python3\n"),
    "tar": tar_with(tarfile.USTAR_FORMAT),
    "tar-gnu": tar_with(tarfile.GNU_FORMAT),
    "tar-pax": tar_with(tarfile.PAX_FORMAT),
    "deb": deb,
}

for line in sys.stdin:
    request = json.loads(line)
    data = base64.b64decode(request["data"])
    for form in request["forms"]:
        data = FORMS[form](data)
    print(base64.b64encode(data).decode(), flush=True)
