"""A python program with threads, a subprocess, socket pairs, signals and a listening socket. Each connection sends one word and gets
one answer: "check" compares what the program did with what it knows and answers "ok" or what was wrong."""
import hashlib
import os
import queue
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time

port, path = int(sys.argv[1]), sys.argv[2]
problems = []
numbers = queue.Queue(maxsize=16)
sent = [0, 0]
seen = [0, 0]
lock = threading.Lock()
ticks = 0
alarms = 0
chain = [b"start", 0]
left, right = socket.socketpair()
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
facts = {f"key {i}": {"value": i, "text": f"text of {i}"} for i in range(20000)}
log = open(path, "a+", buffering=1)
started, wall = time.monotonic(), time.time()


def produce(who):
    while True:
        sent[who] += 1
        numbers.put((who, sent[who]))
        time.sleep(0.001)


def consume():
    while True:
        who, number = numbers.get()
        if number != seen[who] + 1:
            problems.append(f"producer {who}: expected {seen[who] + 1} got {number}")
        seen[who] = number


def tick():
    global ticks
    last = time.monotonic()
    while True:
        time.sleep(0.02)
        now = time.monotonic()
        if now < last + 0.02:
            problems.append(f"slept {now - last} instead of 0.02")
        last = now
        ticks += 1
        log.write(f"{ticks}\n")


def link(digest, n):
    """A chain that begins again: a check must not take longer the longer the program lives."""
    return hashlib.sha256(b"start" if n % 20000 == 0 else digest).digest()


def work():
    while True:
        with lock:
            for _ in range(50):
                chain[0] = link(chain[0], chain[1])
                chain[1] += 1
        time.sleep(0.002)


def echo():
    while True:
        right.sendall(right.recv(4096))


def on_alarm(signum, frame):
    global alarms
    alarms += 1


def check():
    for key, fact in facts.items():
        if key != f"key {fact['value']}" or fact["text"] != f"text of {fact['value']}":
            problems.append(f"{key} is {fact}")
    with lock:
        wanted = b"start"
        for n in range(chain[1] - 1 - (chain[1] - 1) % 20000, chain[1]):
            wanted = link(wanted, n)
        if wanted != chain[0]:
            problems.append(f"the chain is wrong after {chain[1]} links")
    line = f"line {ticks}\n".encode()
    os.write(child.stdin.fileno(), line)
    back = os.read(child.stdout.fileno(), 4096)
    if back != line:
        problems.append(f"the child gave back {back}, not {line}")
    if child.poll() is not None:
        problems.append(f"the child ended: {child.returncode}")
    left.sendall(b"through the pair")
    back = left.recv(4096)
    if back != b"through the pair":
        problems.append(f"the pair gave back {back}")
    with open(path) as again:
        for i, text in enumerate(again.read().split("\n")[:-1]):
            if int(text) != i + 1:
                problems.append(f"line {i + 1} of the file is {text}")
    passed, real = time.monotonic() - started, time.time() - wall
    if abs(passed - real) > 0.5:
        problems.append(f"{passed} s passed, but {real} s on the wall")
    before = alarms
    time.sleep(0.3)
    if alarms == before:
        problems.append("the interval timer stands still")
    return "ok" if not problems else "\n".join(problems[:10])


for target in [lambda: produce(0), lambda: produce(1), consume, tick, work, echo]:
    threading.Thread(target=target, daemon=True).start()
signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)

listener = socket.create_server(("0.0.0.0", port), reuse_port=False)
selector = selectors.DefaultSelector()
selector.register(listener, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in selector.select(timeout=0.5):
        connection, _ = listener.accept()
        with connection:
            word = connection.recv(100).decode().strip()
            if word == "quit":
                child.kill()
                sys.exit(0)
            connection.sendall((check() if word == "check" else f"hello from {os.getpid()}").encode())
