// One item: a picture, or the placeholder of a pending one, with its actions; one line if the job ended without a picture.

const BROKEN = "This picture did not load: load the page again."

function createTile(gallery, key) {
  const place = createPlace((event) => gallery.pressItem(key, event))
  const [prompt, meta, turn] = ["prompt", "meta", "turn"].map((name) => make("p", { class: name }))
  const actions = createActions(gallery, () => gallery.find(key))
  const overlay = make("div", { class: "overlay" }, prompt, meta, turn, actions.element)

  function show(element, item, marks) {
    place.update(item)
    actions.update(item.actions, item.download)
    setText(prompt, marks.isTitled ? "" : item.prompt)
    setText(meta, item.meta)
    setText(turn, item.turn)
    element.style.setProperty("--ratio", String(ratioOf(item)))
    element.classList.toggle("is-open", !hasPicture(item))
  }

  const item = createItem(gallery, key, "li", { class: "tile" }, (check) => [place.element, overlay, check], show)
  return { ...item, tick: place.tick, opener: place.opener }
}

// The line of a job that ended without a picture, with its problem and actions.
function createLine(gallery, key) {
  const opener = make("button", { type: "button", class: "problem", onclick: (event) => gallery.pressItem(key, event) })
  const actions = createActions(gallery, () => gallery.find(key))

  // Not redrawn with each mark, so that a pressed element is still the same when it is released.
  const showWords = drawn((symbol, label, problem, prompt) => {
    const words = [make("strong", { text: label }), make("span", { class: "text", text: problem?.text ?? "" })]
    opener.replaceChildren(icon(symbol), ...words, make("span", { class: "prompt", text: prompt }))
    opener.title = [problem?.text, problem?.detail].filter(Boolean).join("\n")
    opener.dataset.tone = problem?.tone ?? ""
  })

  function show(element, item, marks) {
    showWords(item.icon, item.label, item.problem, marks.isTitled ? "" : item.prompt)
    actions.update(item.actions, item.download)
  }

  const item = createItem(gallery, key, "li", { class: "ended" }, (check) => [check, opener, actions.element], show)
  return { ...item, opener }
}

// What all kinds of items have in common: the checkbox and the marks. Only one item is a tab stop: arrows move to the others,
// Tab to its buttons.
function createItem(gallery, key, tag, properties, contentOf, show) {
  const choose = ({ shiftKey }) => gallery.selection.choose(key, box.checked, shiftKey)
  const box = make("input", { type: "checkbox", onclick: choose })
  const element = make(tag, { "data-key": key, ...properties }, ...contentOf(make("label", { class: "check" }, box)))

  const update = drawn(({ item, marks }) => {
    const { isSelected, isCurrent, isReached } = marks
    show(element, item, marks)
    box.checked = isSelected
    setAttribute(box, "aria-label", `Select: ${item.prompt.slice(0, 100)}`)
    element.classList.toggle("is-selected", isSelected)
    element.classList.toggle("is-current", isCurrent)
    setAttribute(element, "aria-current", isCurrent || null)
    for (const stop of element.querySelectorAll("a, input, button:not(.choice)")) setAttribute(stop, "tabindex", isReached ? "0" : "-1")
  })

  return { element, update }
}

// The place of a picture. It has the picture's aspect ratio from the start, so that nothing moves when the picture arrives.
function createPlace(open) {
  const clock = createClock()
  const [sign, name] = [icon(""), make("span", {})]
  const making = make("span", { class: "making", hidden: true }, make("span", { class: "stage-name" }, sign, name), clock.line, clock.bar)
  const image = make("img", { decoding: "async", loading: "lazy", onload: () => mark(""), onerror: () => mark("is-broken") })
  const broken = make("span", { class: "broken", text: BROKEN })
  const opener = make("button", { type: "button", onclick: open }, making, image, broken)
  const badges = make("div", { class: "badges" })
  const element = make("div", { class: "place" }, opener, badges)

  const mark = (state) => (opener.className = `picture ${state}`)

  function showPicture(item) {
    for (const name of ["alt", "width", "height"]) setAttribute(image, name, item[name])
    if (image.hidden || !opener.className) mark("is-waiting")
    setAttribute(image, "src", ownPath(item.thumbnail) ?? ownPath(item.picture))
  }

  function showStage(item) {
    opener.className = ""
    setAttribute(image, "src", null)
    setAttribute(sign, "data-icon", item.icon || "hourglass_empty")
    setText(name, item.label)
    making.hidden = false
  }

  const showBadges = drawn((all) => {
    const signs = all.map((badge) => make("span", { class: "badge" }, icon(badge.icon), make("span", { text: badge.text })))
    badges.replaceChildren(...signs)
  })

  function update(item) {
    const isPicture = hasPicture(item)
    showBadges(item.badges)
    clock.begin(item.elapsed, item.expected)
    setAttribute(opener, "aria-label", isPicture ? null : `${item.label}: ${item.prompt}`)
    if (isPicture) showPicture(item)
    else showStage(item)
    image.hidden = !isPicture
  }

  return { element, update, tick: clock.tick, opener }
}

// Shows the elapsed and the remaining time, counted on between two answers of the server.
function createClock() {
  const line = make("span", { class: "clock" })
  const bar = make("progress", { max: "1", "aria-label": "Progress" })
  let [started, whole] = [null, null]

  const begin = drawn((elapsed, expected) => {
    whole = expected
    started = elapsed === null ? null : performance.now() - elapsed * 1000
    line.hidden = started === null
    bar.hidden = started === null || whole === null
    tick()
  })

  function tick() {
    if (started === null) return
    const elapsed = (performance.now() - started) / 1000
    const left = whole === null ? null : whole - elapsed
    const more = left === null ? "" : left > 0 ? ` · ~${seconds(left)} left` : " · taking longer than usual"
    setText(line, seconds(elapsed) + more)
    if (whole !== null) bar.value = Math.min(0.97, elapsed / Math.max(1, whole))
  }

  return { line, bar, begin, tick }
}
