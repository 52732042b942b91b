#!/usr/bin/env python3
"""A bridge in user space that delays and loses frames, for a kernel without netem: slow_bridge.py MS JITTER_MS LOSS DEVICE…

Frames go through packet sockets together with their virtio_net_hdr, which says what checksums the receiver still has to make."""

import errno
import heapq
import random
import select
import socket
import sys
import time

SOL_PACKET, PACKET_VNET_HDR = 263, 15  # linux/if_packet.h
HEADER, LARGEST, ROOM = 10, 1 << 17, 1 << 22
ETH_P_ALL = 3


def open_device(name):
    line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    line.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
    line.bind((name, 0))
    return line


def send(line, frame):
    try:
        line.send(frame)
    except OSError as error:
        if error.errno not in (errno.ENETDOWN, errno.ENOBUFS, errno.ENXIO):  # a device that is down loses frames
            raise


def receive(line):
    """A frame that came in, or None."""
    try:
        frame, address = line.recvfrom(LARGEST)
    except OSError as error:
        if error.errno != errno.ENETDOWN:
            raise
        return None
    return None if address[2] == socket.PACKET_OUTGOING else frame


def main(delay, jitter, loss, devices):
    lines = [open_device(name) for name in devices]
    place_of, waiting, count = {}, [], 0  # of MAC addresses; frames by the time that they are due
    draw = random.Random(1)
    while True:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for line in select.select(lines, [], [], pause)[0]:
            frame = receive(line)
            if frame is None or draw.random() < loss:
                continue
            place_of[frame[HEADER + 6:HEADER + 12]] = line
            due = time.monotonic() + max(0.0, draw.uniform(delay - jitter, delay + jitter))
            known = place_of.get(frame[HEADER:HEADER + 6])
            for other in [known] if known is not None else lines:
                if other is not line:
                    count += 1
                    heapq.heappush(waiting, (due, count, other, frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, line, frame = heapq.heappop(waiting)
            send(line, frame)


main(float(sys.argv[1]) / 1e3, float(sys.argv[2]) / 1e3, float(sys.argv[3]), sys.argv[4:])
