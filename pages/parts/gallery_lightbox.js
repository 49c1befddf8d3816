// One picture in the whole window, with everything known about it beside it, and the way to the next.

function createLightbox(stage) {
  const image = make("img", { draggable: "false" })
  const frame = make("div", { class: "frame" }, image)
  const sign = make("div", { class: "sign" }, icon(""), make("span", {}))
  const told = make("p", { class: "told" })
  const count = make("span", { class: "count" })
  const previous = createTool("chevron_left", "Previous picture", () => step(-1))
  const next = createTool("chevron_right", "Next picture", () => step(1))
  const close = createTool("close", "Close", () => element.close())
  const tools = createZoomTools(() => zoom)
  const surface = make("div", { class: "surface" }, frame, sign, told, previous, next, tools.element, count)
  const prompt = make("p", { class: "prompt" })
  const meta = make("p", { class: "meta" })
  const problem = createProblem()
  const facts = make("dl", { class: "facts" })
  const actions = createActions(stage, () => stage.find(shown))
  const parts = [prompt, meta, problem.element, actions.element, facts]
  const panel = make("aside", { class: "panel", "aria-label": "About this picture", tabindex: "0" }, ...parts)
  const element = make("dialog", { class: "lightbox", "aria-label": "Picture" }, surface, panel, close)
  const zoom = createZoom(surface, { frames: () => [frame], changed: tools.show, swiped: step, dragged: () => {} })
  let [shown, opener] = [null, null]

  function open(key, from) {
    opener = from
    if (!element.open) element.showModal()
    show(key)
    stage.speak()
    close.focus()
  }

  function show(key) {
    const isOther = key !== shown
    shown = key
    const { item } = stage.find(key)
    const all = stage.openable()
    const number = all.findIndex((one) => one.key === key)
    setText(count, all.length > 1 ? `${number + 1} of ${all.length}` : "")
    setAttribute(previous, "aria-disabled", number === 0 || null)
    setAttribute(next, "aria-disabled", number === all.length - 1 || null)
    showPicture(item)
    setText(prompt, item.prompt)
    setText(meta, item.meta)
    problem.update(item)
    actions.update(
      item.actions.filter((action) => action.id !== "open"),
      item.download,
    )
    const known = item.facts.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })])
    facts.replaceChildren(...known)
    if (isOther) zoom.reset()
  }

  function showPicture(item) {
    const isThere = hasPicture(item)
    frame.hidden = tools.element.hidden = !isThere
    sign.hidden = isThere
    setAttribute(sign.firstElementChild, "data-icon", item.icon)
    setText(sign.lastElementChild, item.label)
    if (!isThere) return
    showWhole(image, item, (sentence) => setText(told, sentence))
    zoom.fit()
  }

  function step(by) {
    const all = stage.openable()
    const to = all[all.findIndex((one) => one.key === shown) + by]
    if (!to) return
    show(to.key)
    stage.say(`Picture ${all.indexOf(to) + 1} of ${all.length}: ${to.item.prompt}`)
  }

  // New data: the same picture stays, unless it is gone.
  function refresh() {
    if (!element.open) return
    if (!stage.find(shown)) return element.close()
    stage.keepFocus(() => show(shown), close)
  }

  element.addEventListener("keydown", (event) => {
    event.stopPropagation()
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (zoom.heard(event)) event.preventDefault()
    else if (by) step(by)
  })
  element.addEventListener("close", () => {
    stage.closeMenu?.()
    stage.speak()
    const back = opener?.isConnected ? opener : stage.focusOf(shown)
    shown = null
    if (!stage.openDialog()) back?.focus()
  })
  return { element, open, refresh, close: () => element.close(), leave: () => zoom.leave() }
}

const LONG_DETAIL = 250

// How it ended without a picture, or what went wrong: by a sign and in words, and what the service said, as it said it.
function createProblem() {
  const sign = icon("")
  const name = make("strong", {})
  const text = make("p", {})
  const detail = make("p", { class: "detail" })
  const element = make("div", { class: "problem" }, sign, make("div", {}, name, text, detail))
  return {
    element,
    update({ problem, label, icon: own }, isNamed) {
      element.hidden = !problem && !isNamed
      element.dataset.tone = problem?.tone ?? ""
      setAttribute(sign, "data-icon", isNamed ? own : (problem?.tone ?? ""))
      setText(name, isNamed ? label : "")
      setText(text, problem?.text)
      setText(detail, problem?.detail)
      // What is so long that it scrolls can be reached by keys too.
      setAttribute(detail, "tabindex", problem?.detail.length > LONG_DETAIL ? "0" : null)
    },
  }
}
