"""Messages between two processes, each whole, over one socket that several threads may read and write."""

import errno
import os
import socket
import struct

MAX_INLINE_BYTES = 60_000
"""A message from which on it is sent in a file of memory: a record must fit into the buffer of the socket (unix(7))."""
_IN_FILE, _INLINE = b"f", b"i"
_ROOM_FOR_A_FILE = socket.CMSG_SPACE(struct.calcsize("i"))


def make_pair() -> tuple[socket.socket, socket.socket]:
    """Make both ends. Records keep their borders, so that of several readers each gets whole messages."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(peer: socket.socket, message: bytes) -> None:
    """
    Send a message; one whole record, whoever else sends.

    Raises:
        BlockingIOError: The socket does not block, and the other side has not read what came before.
        OSError: The other side has closed.
    """
    if len(message) <= MAX_INLINE_BYTES:
        peer.sendmsg((_INLINE, message))
        return
    file = os.memfd_create("andon-message", os.MFD_CLOEXEC)
    try:
        view = memoryview(message)
        while view:
            view = view[os.write(file, view) :]
        socket.send_fds(peer, [_IN_FILE], [file])
    finally:
        os.close(file)


def receive(peer: socket.socket) -> bytes:
    """
    Receive a message; empty where the other side has closed.

    Raises:
        BlockingIOError: The socket does not block, and nothing is there.
        OSError: The other side has ended without closing; or this one can open no more files, and the message is lost.
    """
    # socket.recv_fds takes flags and does not pass them on (CPython 3.11): the file would be inherited.
    record, ancillary, _, _ = peer.recvmsg(MAX_INLINE_BYTES + 1, _ROOM_FOR_A_FILE, socket.MSG_CMSG_CLOEXEC)
    if record[:1] != _IN_FILE:
        return record[1:]
    if not ancillary:
        raise OSError(errno.EMFILE, "a message came in a file, and this process can open no more")
    (file,) = struct.unpack("i", ancillary[0][2])
    try:
        return os.pread(file, os.fstat(file).st_size, 0)
    finally:
        os.close(file)
