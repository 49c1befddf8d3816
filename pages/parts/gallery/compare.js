// Compares two to four pictures side by side, zoomed together, or two under a slider; lists their differences.

const MOST_COMPARED = 4

function createCompare(gallery) {
  const frames = make("div", { class: "frames" })
  const views = new Map()
  const range = { type: "range", min: "0", max: "100", step: "1", value: "50" }
  const split = make("input", { ...range, class: "split", "aria-label": "How much of picture 1 is seen", oninput: showSplit })
  const line = make("div", { class: "line", "aria-hidden": "true" }, icon("code"))
  const slider = createButton(() => setSlider(!isSlider))
  const large = createWindow(gallery, {
    name: "Compare",
    panelName: "What differs",
    content: [frames, split, line],
    tools: [slider.element],
    frames: () => [...views.values()].map((view) => view.frame),
    dragged: moveSplit,
    pressed: () => {},
    closed: () => gallery.focusOf(keys[0]),
  })
  const { element, surface, zoom } = large
  const heading = make("h2", {})
  const differing = make("dl", { class: "differing" })
  const alike = createFacts()
  const alikeTitle = make("summary", {})
  const alikeBox = make("details", {}, alikeTitle, alike.element)
  large.panel.append(heading, differing, alikeBox)
  let [keys, isSlider] = [[], false]

  function open(chosen, from) {
    keys = chosen
    large.open(from)
    setSlider(false)
    zoom.fit()
    gallery.say(`Comparing ${keys.length} pictures`)
  }

  function setSlider(isWanted) {
    isSlider = isWanted && keys.length === 2
    slider.element.hidden = keys.length !== 2
    slider.update({ label: "Slider", icon: "swap_horiz", pressed: isSlider })
    frames.classList.toggle("is-slider", isSlider)
    line.hidden = split.hidden = !isSlider
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
    const shown = keys.map((key, index) => ({ ...gallery.find(key), number: index + 1 }))
    frames.dataset.count = shown.length
    keyed(frames, shown, views, (row) => row.key, () => createFrame(large.message))
    showFacts(shown)
    zoom.refresh()
  }

  function showFacts(shown) {
    const known = shown.map(({ item }) => new Map([["Prompt", item.prompt], ["Settings", item.meta], ...item.facts]))
    const names = [...new Set(known.flatMap((facts) => [...facts.keys()]))]
    const values = (name) => known.map((facts) => facts.get(name) ?? "—")
    const isAlike = (name) => new Set(values(name)).size === 1
    const others = names.filter((name) => !isAlike(name))
    const same = names.filter(isAlike)
    setText(heading, others.length > 0 ? "What differs" : "No differences found")
    differing.replaceChildren(...others.flatMap((name) => [make("dt", { text: name }), ...values(name).map(numbered)]))
    setText(alikeTitle, `The same for all: ${same.length}`)
    alikeBox.hidden = same.length === 0
    alike.update(same.map((name) => [name, values(name)[0]]))
  }

  const numbered = (value, index) => make("dd", {}, createNumber(index + 1), make("span", { text: value }))

  // After new data, the same pictures stay, while at least two of them exist.
  function refresh() {
    if (!element.open) return
    keys = keys.filter((key) => gallery.find(key))
    if (keys.length < 2) return element.close()
    gallery.keepFocus(show, large.close)
  }

  return { ...large, open, refresh }
}

const createNumber = (number) => make("span", { class: "number", text: String(number) })

function createFrame(message) {
  const image = make("img", { draggable: "false" })
  const frame = make("div", { class: "frame" }, image)
  const number = createNumber("")
  const element = make("figure", {}, frame, number)
  return {
    element,
    frame,
    update(row) {
      setText(number, String(row.number))
      showWhole(image, row.item, message)
    },
  }
}
