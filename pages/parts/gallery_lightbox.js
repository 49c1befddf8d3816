// One picture in the whole window, with everything known about it beside it, and the way to the next.

function createLightbox(stage) {
  const image = make("img", { draggable: "false" })
  const frame = make("div", { class: "frame" }, image)
  const told = make("p", { class: "told" })
  const count = make("span", { class: "count" })
  const level = make("span", { class: "level" })
  const previous = tool("chevron_left", "Previous picture", () => step(-1))
  const next = tool("chevron_right", "Next picture", () => step(1))
  const close = tool("close", "Close", () => element.close())
  const tools = make(
    "div",
    { class: "tools" },
    tool("remove", "Zoom out", () => zoom.key("-")),
    level,
    tool("add", "Zoom in", () => zoom.key("+")),
    tool("fit_screen", "Fit to the window", () => zoom.reset()),
  )
  const surface = make("div", { class: "surface" }, frame, told, previous, next, tools, count)
  const prompt = make("p", { class: "prompt" })
  const meta = make("p", { class: "meta" })
  const problem = createProblem()
  const facts = make("dl", { class: "facts" })
  const actions = createActions(stage, () => here())
  const panel = make("aside", { class: "panel", "aria-label": "About this picture", tabindex: "0" }, prompt, meta, problem.element, actions.element, facts)
  const element = make("dialog", { class: "lightbox", "aria-label": "Picture" }, surface, panel, close)
  const zoom = createZoom(surface, { frames: () => [frame], changed: showLevel, swiped: step })
  let shown = null
  let opener = null

  function tool(symbol, label, press) {
    return make("button", { type: "button", class: "tool", "aria-label": label, title: label, onclick: press }, icon(symbol))
  }

  const here = () => stage.find(shown)
  const all = () => stage.openable()

  function showLevel(view) {
    setText(level, `${Math.round(view.scale * 100)} %`)
  }

  function open(key, from) {
    opener = from
    show(key)
    if (!element.open) element.showModal()
    stage.speakIn(element)
    zoom.fit()
    close.focus()
  }

  function show(key) {
    const isOther = key !== shown
    shown = key
    const { item } = here()
    const list = all()
    const number = list.findIndex((one) => one.key === key)
    setText(count, list.length > 1 ? `${number + 1} of ${list.length}` : "")
    previous.disabled = number <= 0
    next.disabled = number >= list.length - 1
    showPicture(item, isOther)
    setText(prompt, item.prompt)
    setText(meta, item.meta)
    problem.update(item)
    actions.update(item.actions.filter((action) => action.id !== "open"), item.download)
    arrange(facts, item.facts.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]))
    if (isOther) zoom.reset()
  }

  function showPicture(item, isOther) {
    const [small, full] = [ownPath(item.thumbnail), ownPath(item.picture)]
    frame.hidden = !small && !full
    setText(told, frame.hidden ? item.label : "")
    if (!isOther && (image.getAttribute("src") === full || image.dataset.full === full)) return
    Object.assign(image.dataset, { width: item.width, height: item.height, full: full ?? "" })
    image.alt = item.alt
    if (isOther) setAttribute(image, "src", small ?? full)
    zoom.fit()
    if (full && full !== small) load(full)
  }

  function load(full) {
    const whole = new Image()
    whole.src = full
    whole.decode().then(
      () => image.dataset.full === full && setAttribute(image, "src", full),
      () => image.dataset.full === full && setText(told, "The whole picture did not load; this is its preview. Nothing was spent: open it again."),
    )
  }

  function step(by) {
    const list = all()
    const to = list[list.findIndex((one) => one.key === shown) + by]
    if (!to) return
    show(to.key)
    stage.say(`Picture ${list.indexOf(to) + 1} of ${list.length}: ${to.item.prompt}`)
  }

  // New data: the same picture stays, unless it is gone.
  function refresh() {
    if (!element.open) return
    if (here()) show(shown)
    else element.close()
  }

  element.addEventListener("keydown", (event) => {
    event.stopPropagation()
    const arrows = { ArrowLeft: -1, ArrowRight: 1 }
    if (arrows[event.key]) step(arrows[event.key])
    else if (zoom.knows(event.key) && !event.ctrlKey && !event.metaKey) zoom.key(event.key)
    else return
    event.preventDefault()
  })
  element.addEventListener("close", () => {
    stage.closeMenu?.()
    stage.speakIn(null)
    const back = opener?.isConnected ? opener : stage.focusOf(shown)
    shown = null
    image.removeAttribute("src")
    back?.focus()
  })
  return { element, open, refresh, close: () => element.close(), leave: () => zoom.leave() }
}

// What went wrong: by a sign and in words, and what the service said, as it said it.
function createProblem() {
  const sign = icon("")
  const text = make("p", {})
  const detail = make("p", { class: "detail" })
  const element = make("div", { class: "problem" }, sign, text, detail)
  return {
    element,
    update({ problem }) {
      element.hidden = !problem
      if (!problem) return
      element.dataset.tone = problem.tone
      setAttribute(sign, "data-icon", problem.tone === "error" ? "error" : "warning")
      setText(text, problem.text)
      setText(detail, problem.detail)
    },
  }
}
