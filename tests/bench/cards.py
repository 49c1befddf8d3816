"""200 cards: what one job's change redraws in the gallery (bound: one card), and how smoothly they scroll, against an empty page.

The server answers with at most 60 cards: here those that were there at first are repeated on their way to the page.
"""

import json
import tempfile
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, Route

from kie.generation import Generation
from tests.bench.places import QUIET_MS, WINDOW, chromium, empty_app, fill, open_empty, open_page, press, studio, write

CARDS, EACH, PRESSES = 200, 4, 14
FILLED = "There at first"
SECONDS = 6.0
STEP_PX, STEPS = 40, 150
RATIOS = ("1:1", "4:3", "3:2", "3:4", "16:9")
# All changes in the gallery until the first card has its picture; an attribute that is set to what it was is none.
REDRAWN = """async () => {
  const gallery = [...document.querySelectorAll('*')].map((one) => one.shadowRoot).find((root) => root?.querySelector('.groups'))
  const changes = []
  const observer = new MutationObserver((records) => changes.push(...records))
  const frames = []
  const frame = (at) => frames.push(at) && requestAnimationFrame(frame)
  const old = { attributeOldValue: true, characterDataOldValue: true }
  observer.observe(gallery, { subtree: true, childList: true, attributes: true, characterData: true, ...old })
  requestAnimationFrame(frame)
  const card = gallery.querySelector('section li')
  while (!card.querySelector('.picture:not(.is-waiting)')) await new Promise((resolve) => setTimeout(resolve, 10))
  const isReal = ({ type, target, attributeName, oldValue }) => type !== 'attributes' || target.getAttribute(attributeName) !== oldValue
  const real = [...changes, ...observer.takeRecords()].filter(isReal).map(({ target }) => target.parentElement ?? target)
  const places = real.map((node) => node.closest?.('li') ?? node.closest?.('section > header') ?? 'elsewhere')
  const count = (selector) => new Set(places.filter((place) => place.matches?.(selector))).size
  return {
    all: changes.length,
    real: real.length,
    own: places.filter((place) => place === card).length,
    cards: count('li'),
    heads: count('header'),
    elsewhere: places.filter((place) => place === 'elsewhere').length,
    shown: gallery.querySelectorAll('li').length,
    worst: Math.max(...frames.slice(1).map((at, number) => at - frames[number])),
  }
}"""
SCROLL = """async ([step, steps]) => {
  const place = document.querySelector('[data-testid=stMain]')
  const next = () => new Promise(requestAnimationFrame)
  place.scrollTo(0, 0)
  await next()
  const from = place.scrollTop, times = []
  for (let before = await next(), count = 0; count < steps; count++) {
    place.scrollTop += step
    const at = await next()
    times.push(at - before)
    before = at
  }
  if (place.scrollTop - from < step * steps) throw new Error('the page is too short')
  return times
}"""


def run() -> None:
    """Print the changes of one job's end in the gallery, and the frames of a scroll, ours and an empty page's."""
    with chromium() as browser, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        ratios = islice(cycle(RATIOS), PRESSES)
        requests = [Generation(f"{FILLED}, {number}", aspect_ratio=ratio) for number, ratio in enumerate(ratios)]
        fill(Path(folder), requests, EACH)
        with empty_app(as_it_comes=True) as bare_url, studio(SECONDS, Path(folder)) as (server, _):
            context = browser.new_context(viewport=WINDOW)
            context.route("**/api/jobs?*", repeat)
            page = open_page(context, server.url)
            write(page, "the one that changes")
            press(page)
            page.wait_for_timeout(QUIET_MS)
            told = page.evaluate(REDRAWN)
            print(
                f"  of {told['shown']} cards one job's end redraws {told['cards']} (bound 1), and {told['heads']} heads of presses: "
                f"{told['real']} changes, {told['own']} in its own card, {told['elsewhere']} elsewhere; longest frame {told['worst']:.0f} ms"
            )
            print(f"  {told['all'] - told['real']} attributes were set to what they were")
            page.wait_for_timeout(QUIET_MS)
            show_frames("an empty page", open_empty(browser, bare_url))
            show_frames(f"{told['shown']} cards", page)


def repeat(route: Route) -> None:
    """Pass an answer on, with as many repetitions of the presses that were there at first as make 200 cards."""
    answer = route.fetch()
    if answer.status != 200:
        route.fulfill(response=answer)
        return
    row = answer.json()
    filled = [group for group in row["groups"] if group["title"].startswith(FILLED)]
    for number, group in enumerate(islice(cycle(filled), (CARDS - EACH * len(filled)) // EACH)):
        items = [item | {"id": f"{item['id']}-{number}"} for item in group["items"]]
        row["groups"].append(group | {"id": f"{group['id']}-{number}", "items": items})
    route.fulfill(response=answer, body=json.dumps(row))


def show_frames(name: str, page: Page) -> None:
    """Scroll down twice, and print the frames of the second time, when all pictures are there."""
    page.bring_to_front()
    page.evaluate(SCROLL, [STEP_PX, STEPS])
    page.wait_for_timeout(QUIET_MS)
    times = page.evaluate(SCROLL, [STEP_PX, STEPS])
    late = sum(time > 25 for time in times)
    print(
        f"  scrolling {name}: frames of {median(times):.1f} ms in the median, worst {max(times):.0f} ms, {late} of {STEPS} over 25 ms"
    )
