"""Visits of the dashboard's pages in headless Chromium, until their content shows, and what its server spends meanwhile."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 900_000  # milliseconds
WINDOW, QUIET_WINDOWS = 2.0, 3  # seconds, and how many of them without work in a row end a wait
LITTLE = 0.05  # processor seconds in a window without work
SETTLED = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  return app && app.dataset.testScriptState === 'notRunning' && document.querySelector('h1')
    && !document.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"]');
}"""
# Counts the runs of a script that came to their end, by what the server sends (session_status_changed, not running). The
# attribute of SETTLED is no witness that a script ran: one that takes less than the page needs to draw arrives as a whole,
# and the page goes from `notRunning` to `notRunning`.
COUNTED = """(() => {
  const Native = window.WebSocket;
  window.scriptsEnded = 0;
  window.WebSocket = class extends Native {
    constructor(...given) {
      super(...given);
      this.addEventListener('message', async event => {
        const sent = new Uint8Array(event.data instanceof Blob ? await event.data.arrayBuffer() : event.data);
        if (sent.length === 2 && sent[0] === 0x4a && sent[1] === 0) window.scriptsEnded += 1;
      });
    }
  };
})()"""
# What a link inside the dashboard does. Resolved when the script has ended and the browser has drawn twice since.
GONE = """address => new Promise(resolve => {
  const before = window.scriptsEnded;
  const look = () => window.scriptsEnded > before
    ? requestAnimationFrame(() => requestAnimationFrame(resolve)) : setTimeout(look, 5);
  history.pushState({}, '', address);
  dispatchEvent(new PopStateEvent('popstate', {state: {}}));
  look();
})"""
# A person in another tab: the next page every second.
STROLL = """addresses => { let place = 0; setInterval(() => {
  history.pushState({}, '', addresses[place++ % addresses.length]);
  dispatchEvent(new PopStateEvent('popstate', {state: {}}));
}, 1000); }"""
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # A tab behind another one gets a timer a second otherwise, and measures that.
    *("--disable-background-timer-throttling", "--disable-renderer-backgrounding"),
    "--disable-backgrounding-occluded-windows",
]


@contextmanager
def serving(root: Path) -> Iterator[tuple[str, psutil.Process, float]]:
    """The dashboard of a workspace: its printed address, its server, and the seconds until the address was printed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "rollmill.flows.cli", "dashboard", "--port", str(port)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        printed, _, _ = process.stdout.readline().partition(" ")
        if not printed:
            raise SystemExit("the dashboard did not start")
        started = time.perf_counter() - begun
        yield printed, psutil.Process(process.pid).children()[0], started
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def chromium() -> Iterator[BrowserContext]:
    """A browser without a tab."""
    path = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        context.set_default_timeout(PATIENCE)
        context.add_init_script(COUNTED)
        yield context
        browser.close()


def seconds(page: Page, address: str, *, new: bool = True) -> float:
    """Seconds until the script has ended and no placeholder is left; `new`: the page is loaded again."""
    begun = time.perf_counter()
    if new:
        page.goto(address, wait_until="commit")
    else:
        page.evaluate(GONE, address)
    page.wait_for_function(SETTLED, polling=20)
    return time.perf_counter() - begun


def later(page: Page, addresses: Sequence[str], repeats: int) -> tuple[float, float]:
    """Median and 95th percentile of the seconds of visits by links inside the dashboard."""
    seconds(page, addresses[0])
    taken = [seconds(page, address, new=False) for _ in range(repeats) for address in addresses]
    return float(np.median(taken)), float(np.quantile(taken, 0.95))


def until_idle(server: psutil.Process) -> float:
    """Wait until the server has no more to do by itself; the seconds that this took."""
    begun, quiet = time.perf_counter(), 0
    while quiet < QUIET_WINDOWS:
        before = processor_seconds(server)
        time.sleep(WINDOW)
        quiet = quiet + 1 if processor_seconds(server) - before < LITTLE else 0
    return time.perf_counter() - begun - QUIET_WINDOWS * WINDOW


def processor_seconds(server: psutil.Process) -> float:
    """Processor seconds of a process so far."""
    times = server.cpu_times()
    return float(times.user + times.system)


def idle_minute(server: psutil.Process, lasting: float) -> float:
    """Processor seconds a minute that the server spends while nobody does anything, measured for so many seconds."""
    time.sleep(3)
    before = processor_seconds(server)
    time.sleep(lasting)
    return (processor_seconds(server) - before) * 60 / lasting


def megabytes(server: psutil.Process) -> int:
    """Resident memory."""
    return int(server.memory_info().rss) >> 20
