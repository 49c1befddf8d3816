// One item as a card: its picture, or the place where that will be; what it was; what can be done with it.

function createCard(stage, key) {
  const place = createPlace(() => stage.open(key, place.opener()))
  const prompt = make("p", { class: "prompt" })
  const meta = make("p", { class: "meta" })
  const turn = make("p", { class: "turn" })
  const problem = createProblem()
  const actions = createActions(stage, () => stage.find(key))
  const element = make("li", { class: "card", tabindex: "-1", "data-key": key })
  const told = [problem.element, prompt, meta, turn, actions.element]
  return {
    element,
    tick: place.tick,
    opener: place.opener,
    update({ item, isNewData }) {
      element.classList.toggle("is-comparing", stage.comparing.includes(key))
      setText(prompt, item.prompt)
      setAttribute(prompt, "title", item.prompt.length > 60 ? item.prompt : null)
      setText(meta, item.meta)
      setText(turn, item.turn)
      const isEnded = modeOf(item) === "ended"
      arrange(element, isEnded ? told : [place.element, ...told])
      if (!isEnded) place.update(item, isNewData)
      problem.update(item, isEnded)
      actions.update(item.actions, item.download)
    },
  }
}

const BROKEN = "This picture did not load, and nothing was spent: load the page again."
const modeOf = (item) => (hasPicture(item) ? "picture" : OPEN_STATES.has(item.state) ? "open" : "ended")

// The place of a picture. It has the picture's shape from the first moment on, so that nothing moves when that comes.
function createPlace(open, isAlwaysOpenable) {
  const badges = make("div", { class: "badges" })
  const element = make("div", { class: "place" })
  const clock = createClock()
  let [mode, inner, image, started] = [null, null, null, null]

  // What was shown until now stays below the picture until that has come.
  function makePicture() {
    const before = inner
    image = make("img", { decoding: "async", loading: "lazy" })
    const broken = make("span", { class: "broken", text: BROKEN })
    inner = make("button", { type: "button", class: "picture is-waiting", onclick: open }, image, broken)
    image.addEventListener("load", () => {
      inner.classList.remove("is-waiting", "is-broken")
      setTimeout(() => before?.remove(), 400)
    })
    image.addEventListener("error", () => inner.classList.add("is-broken"))
    return before ? [before, inner] : [inner]
  }

  function makeStage() {
    const stageName = make("span", { class: "stage-name" }, icon(""), make("span", {}))
    const pressed = isAlwaysOpenable ? { type: "button", onclick: open } : {}
    const tag = isAlwaysOpenable ? "button" : "div"
    inner = make(tag, { class: "making", ...pressed }, stageName, clock.line, clock.bar)
    return [inner]
  }

  function showPicture(item) {
    setAttribute(image, "alt", item.alt)
    setAttribute(image, "width", item.width)
    setAttribute(image, "height", item.height)
    setAttribute(image, "src", ownPath(item.thumbnail) ?? ownPath(item.picture))
  }

  function showStage(item, isNewData) {
    setAttribute(inner.querySelector(".icon"), "data-icon", item.icon || "hourglass_empty")
    setText(inner.querySelector(".icon + span"), item.label)
    if (isAlwaysOpenable) setAttribute(inner, "aria-label", `${item.label}: ${item.prompt}`)
    inner.classList.toggle("is-still", mode === "ended")
    if (isNewData) started = mode === "ended" || item.elapsed === null ? null : performance.now() - item.elapsed * 1000
    clock.show(started, item.expected)
  }

  function showBadges(item) {
    const drawn = item.badges.map((badge) => `${badge.icon} ${badge.text}`).join("\n")
    if (badges.dataset.drawn === drawn) return
    badges.dataset.drawn = drawn
    const signs = item.badges.map((badge) => [icon(badge.icon), make("span", { text: badge.text })])
    badges.replaceChildren(...signs.map((parts) => make("span", { class: "badge" }, ...parts)))
  }

  function update(item, isNewData) {
    const before = mode
    mode = element.dataset.mode = modeOf(item)
    if (mode !== before) arrange(element, [...(mode === "picture" ? makePicture() : makeStage()), badges])
    element.style.setProperty("--ratio", String(item.width / item.height || 1))
    showBadges(item)
    if (mode === "picture") showPicture(item)
    else showStage(item, isNewData)
  }

  return { element, update, tick: clock.tick, opener: () => inner }
}

// Counts on between two looks of the server: how long it takes already, and how long it may still take.
function createClock() {
  const line = make("span", { class: "clock" })
  const bar = make("progress", { max: "1", "aria-label": "Progress" })
  let [started, expected] = [null, null]

  function tick() {
    line.hidden = started === null
    bar.hidden = started === null || expected === null
    if (started === null) return
    const elapsed = (performance.now() - started) / 1000
    const left = expected === null ? null : expected - elapsed
    const more = left === null ? "" : left > 0 ? ` · about ${seconds(left)} to go` : " · longer than usual"
    setText(line, seconds(elapsed) + more)
    if (expected !== null) bar.value = Math.min(0.97, elapsed / Math.max(1, expected))
  }

  function show(since, whole) {
    ;[started, expected] = [since, whole]
    tick()
  }

  return { line, bar, show, tick }
}
