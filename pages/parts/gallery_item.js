// One item as a card: its picture, or the place where that will be; what it was; what can be done with it.

function createCard(stage, key) {
  const place = createPlace(() => stage.open(key, place.opener()))
  const prompt = make("p", { class: "prompt" })
  const meta = make("p", { class: "meta" })
  const turn = make("p", { class: "turn" })
  const problem = createProblem()
  const actions = createActions(stage, () => stage.find(key))
  const element = make("li", { class: "card", tabindex: "-1" }, place.element, prompt, meta, turn, problem.element, actions.element)
  return {
    element,
    tick: place.tick,
    opener: place.opener,
    update({ item, isNewData }) {
      place.update(item, isNewData)
      setText(prompt, item.prompt)
      setAttribute(prompt, "title", item.prompt.length > 60 ? item.prompt : null)
      setText(meta, item.meta)
      setText(turn, item.turn)
      problem.update(item)
      actions.update(item.actions, item.download)
    },
  }
}

// The place of a picture. It has the picture's shape from the first moment on, so that nothing moves when that comes.
function createPlace(open) {
  const badges = make("div", { class: "badges" })
  const element = make("div", { class: "place" })
  const clock = createClock()
  let [mode, inner, image, started] = [null, null, null, null]

  const modeOf = (item) => {
    if (ownPath(item.thumbnail) ?? ownPath(item.picture)) return "picture"
    return OPEN_STATES.has(item.state) ? "open" : "ended"
  }

  const makers = {
    picture() {
      const waited = inner
      image = make("img", { decoding: "async", loading: "lazy" })
      inner = make("button", { type: "button", class: "picture", onclick: open }, image)
      const arrived = () => {
        inner.classList.remove("is-waiting", "is-broken")
        waited?.remove()
      }
      inner.classList.add("is-waiting")
      image.addEventListener("load", arrived)
      image.addEventListener("error", () => inner.classList.add("is-broken"))
      return waited ? [waited, inner] : [inner]
    },
    open() {
      const stageName = make("p", { class: "stage-name" }, icon(""), make("span", {}))
      inner = make("div", { class: "making" }, stageName, clock.line, clock.bar)
      return [inner]
    },
    ended() {
      inner = make("div", { class: "ended" }, icon(""), make("span", {}))
      return [inner]
    },
  }

  function showPicture(item) {
    setAttribute(image, "alt", item.alt)
    setAttribute(image, "src", ownPath(item.thumbnail) ?? ownPath(item.picture))
    setAttribute(image, "width", item.width)
    setAttribute(image, "height", item.height)
  }

  function showStage(item) {
    setAttribute(inner.querySelector(".icon"), "data-icon", item.icon || "hourglass_empty")
    setText(inner.querySelector(".icon + span"), item.label)
  }

  function showBadges(item) {
    const drawn = item.badges.map((badge) => `${badge.icon} ${badge.text}`).join("\n")
    if (badges.dataset.drawn === drawn) return
    badges.dataset.drawn = drawn
    badges.replaceChildren(...item.badges.map(({ icon: name, text }) => make("span", { class: "badge" }, icon(name), make("span", { text }))))
  }

  function update(item, isNewData) {
    const wanted = modeOf(item)
    if (wanted !== mode) {
      mode = wanted
      element.dataset.mode = mode
      arrange(element, [...makers[mode](), badges])
    }
    element.style.setProperty("--ratio", String(item.width / item.height || 1))
    showBadges(item)
    if (mode === "picture") return showPicture(item)
    showStage(item)
    if (isNewData) started = item.elapsed === null ? null : performance.now() - item.elapsed * 1000
    clock.show(started, item.expected)
    return undefined
  }

  const tick = () => mode === "open" && clock.tick()
  return { element, update, tick, opener: () => inner, image: () => image }
}

// Counts on between two looks of the server: how long it takes already, and how long it may still take.
function createClock() {
  const line = make("p", { class: "clock" })
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
