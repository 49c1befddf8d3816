"""Service finished → picture on the page, and status reads per task (bounds: 2.5 s; 1 + seconds ÷ 2)."""

import time

from tests.bench.places import chromium, median, open_page, studio

ROUNDS = 6
SECONDS = 3.0


def run() -> None:
    """Print the delays, and the reads that they cost."""
    with chromium() as browser, studio(seconds=SECONDS) as (server, service):
        page = open_page(browser, server.url)
        delays_s, reads = [], []
        for number in range(ROUNDS):
            before = len(service.seen)
            page.get_by_label("Prompt", exact=True).fill(f"arrival {number}")
            page.get_by_role("button", name="Generate").click()
            page.get_by_alt_text(f"arrival {number}", exact=False).wait_for(timeout=30_000)
            shown_at = time.time()
            task = service.tasks()[-1]
            delays_s.append(shown_at - task["createTime"] / 1000 - SECONDS)
            reads.append(sum(seen.path.endswith("recordInfo") for seen in service.seen[before:]))
    print(f"  median {median(delays_s):.2f} s, worst {max(delays_s):.2f} s after the end (bound 2.5 s)")
    print(f"  {max(reads)} reads at most for a task of {SECONDS:.0f} s (bound {1 + SECONDS / 2:.1f})")
