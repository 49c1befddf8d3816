// Two to four pictures next to each other, zoomed in step; two of them also under a slider. Beside them, what differs.

const MOST_COMPARED = 4

function createCompare(stage) {
  const frames = make("div", { class: "frames" })
  const views = new Map()
  const told = make("p", { class: "told" })
  const range = { type: "range", min: "0", max: "100", step: "1", value: "50" }
  const split = make("input", { ...range, class: "split", "aria-label": "How much of picture 1 is seen" })
  const line = make("div", { class: "line", "aria-hidden": "true" }, icon("code"))
  const modes = make("div", { class: "modes" })
  const close = createTool("close", "Close", () => element.close())
  const tools = createZoomTools(() => zoom, modes)
  const surface = make("div", { class: "surface" }, frames, split, line, told, tools.element)
  const differing = make("dl", { class: "differing" })
  const alike = make("dl", { class: "facts" })
  const alikeTitle = make("summary", {})
  const alikeBox = make("details", {}, alikeTitle, alike)
  const heading = make("h2", {})
  const add = createButton(() => addAnother())
  const parts = [heading, differing, alikeBox, add.element]
  const panel = make("aside", { class: "panel", "aria-label": "What differs", tabindex: "0" }, ...parts)
  const element = make("dialog", { class: "lightbox compare", "aria-label": "Compare" }, surface, panel, close)
  const framesNow = () => [...views.values()].map((view) => view.frame)
  const zoom = createZoom(surface, { frames: framesNow, changed: tools.show, swiped: () => {}, dragged: moveSplit })
  const choices = [
    { id: "side", label: "Side by side", icon: "view_column_2", button: createButton(() => setMode("side")) },
    { id: "slider", label: "Slider", icon: "swap_horiz", button: createButton(() => setMode("slider")) },
  ]
  modes.append(...choices.map(({ button }) => button.element))
  let [keys, opener, mode, isAdding] = [[], null, "side", false]

  function open(chosen, from) {
    ;[keys, opener, isAdding] = [chosen.slice(0, MOST_COMPARED), from, false]
    if (!element.open) element.showModal()
    setMode("side")
    zoom.reset()
    stage.speak()
    stage.say(`Comparing ${keys.length} pictures`)
    close.focus()
  }

  function setMode(next) {
    mode = keys.length === 2 ? next : "side"
    modes.hidden = keys.length !== 2
    frames.dataset.mode = surface.dataset.mode = mode
    line.hidden = split.hidden = mode !== "slider"
    choices.forEach(({ button, ...choice }) => button.update({ ...choice, pressed: choice.id === mode }))
    showSplit()
    refresh()
  }

  function moveSplit(event) {
    const at = frames.getBoundingClientRect()
    split.value = String((100 * (event.clientX - at.left)) / at.width)
    showSplit()
  }

  function showSplit() {
    surface.style.setProperty("--split", `${split.value}%`)
  }

  function show() {
    const shown = keys.map((key, index) => ({ ...stage.find(key), number: index + 1 }))
    frames.dataset.count = shown.length
    keyed(frames, shown, views, (row) => row.key, () => createFrame((sentence) => setText(told, sentence)))
    showFacts(shown)
    add.update({ icon: "add", label: "Add another picture" })
    add.element.hidden = shown.length >= MOST_COMPARED || stage.data.layout === "grid"
    zoom.fit()
  }

  function showFacts(shown) {
    const known = shown.map(({ item }) => new Map([["Prompt", item.prompt], ["Settings", item.meta], ...item.facts]))
    const names = [...new Set(known.flatMap((facts) => [...facts.keys()]))]
    const values = (name) => known.map((facts) => facts.get(name) ?? "—")
    const isAlike = (name) => new Set(values(name)).size === 1
    const others = names.filter((name) => !isAlike(name))
    const same = names.filter(isAlike)
    setText(heading, others.length > 0 ? "What differs" : "Nothing known of them differs")
    differing.replaceChildren(...others.flatMap((name) => [term(name), ...values(name).map(numbered)]))
    setText(alikeTitle, `The same for all: ${same.length}`)
    alikeBox.hidden = same.length === 0
    alike.replaceChildren(...same.flatMap((name) => [term(name), make("dd", { text: values(name)[0] })]))
  }

  const term = (name) => make("dt", { text: name })
  const numbered = (value, index) => make("dd", {}, createNumber(index + 1), make("span", { text: value }))

  function addAnother() {
    isAdding = true
    element.close()
  }

  // New data: the same pictures stay, as long as two of them are there.
  function refresh() {
    if (!element.open) return
    keys = keys.filter((key) => stage.find(key))
    if (keys.length < 2) return element.close()
    stage.keepFocus(show, close)
  }

  split.addEventListener("input", showSplit)
  line.addEventListener("pointerdown", (event) => {
    event.stopPropagation()
    line.setPointerCapture(event.pointerId)
  })
  line.addEventListener("pointermove", (event) => line.hasPointerCapture(event.pointerId) && moveSplit(event))
  element.addEventListener("keydown", (event) => {
    event.stopPropagation()
    if (zoom.heard(event)) event.preventDefault()
  })
  element.addEventListener("close", () => {
    stage.speak()
    stage.endComparing(isAdding ? keys : [])
    const back = opener?.isConnected ? opener : stage.focusOf(keys[0])
    if (!stage.openDialog()) back?.focus()
  })
  return { element, open, refresh, close: () => element.close(), leave: () => zoom.leave() }
}

const createNumber = (number) => make("span", { class: "number", text: String(number) })

function createFrame(tellFailure) {
  const image = make("img", { draggable: "false" })
  const frame = make("div", { class: "frame" }, image)
  const number = createNumber("")
  const element = make("figure", {}, frame, number)
  return {
    element,
    frame,
    update(row) {
      setText(number, String(row.number))
      showWhole(image, row.item, tellFailure)
    },
  }
}
